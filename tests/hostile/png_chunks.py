"""PNG: what stands around the picture. Chunks in wrong places and numbers, texts that inflate, animations."""

import random
import struct
import zlib

from png import SIGNATURE, chunk, header, little, noise, whole, zeros


def fill(put):
    structure(put)
    texts(put)
    ancillary(put)
    animations(put)


def structure(put):
    data = noise(64, 64)
    head, idat, end = SIGNATURE + header(64, 64), chunk(b"IDAT", data), chunk(b"IEND")

    def built(name, what, *parts):
        put(f"png-{name}.png", what, b"".join(parts), (64, 64))

    built("idat-bytewise", "12,000 IDAT chunks of one byte", head, *[chunk(b"IDAT", data[i : i + 1]) for i in range(len(data))], end)
    built("idat-empty-200000", "200,000 IDAT chunks of no bytes", head, chunk(b"IDAT") * 200_000, idat, end)
    built("idat-only-empty", "one IDAT of no bytes", head, chunk(b"IDAT"), end)
    built(
        "idat-interrupted",
        "another chunk between two IDAT",
        head,
        chunk(b"IDAT", data[:500]),
        chunk(b"tEXt", b"a\0b"),
        chunk(b"IDAT", data[500:]),
        end,
    )
    built("idat-length-lies", "an IDAT of 2^31 - 1 bytes", head, chunk(b"IDAT", data, length=0x7FFFFFFF))
    built("idat-length-negative", "an IDAT of 2^32 - 1 bytes", head, chunk(b"IDAT", data, length=0xFFFFFFFF))
    built("idat-first", "IDAT before IHDR", SIGNATURE, idat, header(64, 64), idat, end)
    built("end-first", "IEND before IDAT", head, end, idat, end)
    built("end-missing", "no IEND", head, idat)
    built("end-with-body", "an IEND with a megabyte in it", head, idat, chunk(b"IEND", bytes(1 << 20)))
    built("header-twice", "a second header of 16384 x 6000", head, header(16384, 6000), idat, end)
    built("header-short", "a header of 12 bytes", SIGNATURE, chunk(b"IHDR", struct.pack(">IIBBBB", 64, 64, 8, 2, 0, 0)), idat, end)
    built(
        "header-long",
        "a header of 1000 bytes",
        SIGNATURE,
        chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 64, 8, 2, 0, 0, 0) + bytes(987)),
        idat,
        end,
    )
    built("header-missing", "no header", SIGNATURE, chunk(b"gAMA", bytes(4)), idat, end)
    built("only-signature-and-noise", "noise behind the signature", SIGNATURE, random.Random("signature").randbytes(5000))
    built("chunk-critical-unknown", "a critical chunk that nobody knows", head, chunk(b"KRIT", bytes(9)), idat, end)
    built(
        "chunk-name-not-letters",
        "chunks named by control characters",
        head,
        chunk(b"\0\1\2\3", bytes(9)),
        chunk(b"\xff\xff\xff\xff"),
        idat,
        end,
    )
    built("chunks-100000", "100,000 little chunks", head, chunk(b"teSt", b"x") * 100_000, idat, end)
    built("chunk-large-unknown", "an unknown chunk of 12 MB", head, chunk(b"teSt", bytes(12 << 20)), idat, end)
    built("chunk-past-end", "an unknown chunk that says 2^31 - 1 bytes", head, chunk(b"teSt", bytes(99), length=0x7FFFFFFF), idat, end)
    built(
        "cgbi",
        "Apple's variant: a CgBI chunk and a stream without zlib header",
        SIGNATURE,
        chunk(b"CgBI", b"\x50\0\x20\2"),
        header(64, 64),
        chunk(b"IDAT", data[2:-4]),
        end,
    )
    built("twice", "two pictures, one behind the other", little(), little())
    built("within-png", "a picture in a chunk of a picture", head, chunk(b"teSt", little(chunk(b"teSt", little()))), idat, end)
    put("png-mng.png", "the signature of MNG", b"\x8aMNG" + little()[4:])
    put("png-jng.png", "the signature of JNG", b"\x8bJNG" + little()[4:])


def texts(put):
    def texted(name, what, before=b"", behind=b""):
        put(f"png-{name}.png", what, little(before, behind), (64, 64))

    inflated = zeros(64 << 20)
    texted("ztxt-50", "fifty compressed texts of 64 MB each", chunk(b"zTXt", b"a\0\0" + inflated) * 50)
    texted("ztxt-behind", "compressed texts of 64 MB behind the picture", b"", chunk(b"zTXt", b"a\0\0" + inflated) * 20)
    texted("ztxt-2000", "2000 compressed texts of 1 MB each", chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(1 << 20), 9)[:1100]) * 2000)
    texted("ztxt-method-9", "a compressed text of an unknown method", chunk(b"zTXt", b"a\0\x09" + inflated))
    texted("itxt-bomb", "an international text of 1 GB", chunk(b"iTXt", b"a\0\1\0\0\0" + zeros(1 << 30)))
    texted("itxt-xmp-bomb", "XMP of 1 GB", chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zeros(1 << 30)))
    texted("itxt-no-terminator", "an international text without terminators", chunk(b"iTXt", b"x" * 100000))
    texted("text-3-megabytes", "a plain text of 3 MB", chunk(b"tEXt", b"a\0" + b"x" * (3 << 20)))
    texted("text-100000", "100,000 plain texts", chunk(b"tEXt", b"abcdefgh\0x") * 100_000)
    texted("text-keyword-long", "a keyword of 64 kB", chunk(b"tEXt", b"k" * 65536 + b"\0x"))
    texted("iccp-gigabyte", "a profile of 1 GB", chunk(b"iCCP", b"p\0\0" + zeros(1 << 30)))
    texted("iccp-50", "fifty profiles of 32 MB", chunk(b"iCCP", b"p\0\0" + zeros(32 << 20)) * 50)
    texted("iccp-name-long", "a profile with a name of 300 bytes", chunk(b"iCCP", b"n" * 300 + b"\0\0" + zlib.compress(bytes(99))))
    texted("iccp-cut", "a profile whose stream ends early", chunk(b"iCCP", b"p\0\0" + zeros(9999)[:9]))
    texted("splt-large", "a suggested palette of 6 MB", chunk(b"sPLT", b"p\0\x10" + bytes(6 << 20)))


def ancillary(put):
    def lies(name, what, before):
        put(f"png-{name}.png", what, little(before), (64, 64))

    lies(
        "exif-loop",
        "EXIF whose next directory is the same",
        chunk(b"eXIf", b"II*\0\x08\0\0\0\1\0" + struct.pack("<HHII", 274, 3, 1, 6) + b"\x08\0\0\0"),
    )
    lies("exif-large", "EXIF of 12 MB", chunk(b"eXIf", b"II*\0\x08\0\0\0" + bytes(12 << 20)))
    lies(
        "exif-twice",
        "two EXIF chunks that disagree",
        b"".join(chunk(b"eXIf", b"II*\0\x08\0\0\0\1\0" + struct.pack("<HHII", 274, 3, 1, o) + bytes(4)) for o in (6, 3)),
    )
    lies("gamma-zero", "a gamma of 0", chunk(b"gAMA", bytes(4)))
    lies("gamma-short", "a gamma of one byte", chunk(b"gAMA", b"\1"))
    lies("chromaticities", "chromaticities of 2^32 - 1", chunk(b"cHRM", b"\xff" * 32))
    lies("significant-bits", "99 significant bits of 8", chunk(b"sBIT", b"\x63\0\x63"))
    lies("background-wrong", "a background for another colour type", chunk(b"bKGD", b"\xff"))
    lies("physical-size", "pixels of no size", chunk(b"pHYs", bytes(9)))
    lies("cicp-reserved", "reserved coding-independent code points", chunk(b"cICP", b"\xff\xff\xff\xff"))
    lies("srgb-255", "a rendering intent of 255", chunk(b"sRGB", b"\xff"))
    lies("histogram", "a histogram without a palette", chunk(b"hIST", bytes(512)))


def control(number, width=64, height=64, left=0, top=0, dispose=0, blend=0):
    return chunk(b"fcTL", struct.pack(">IIIIIHHBB", number, width, height, left, top, 1, 30, dispose, blend))


def frames(number):
    return chunk(b"acTL", struct.pack(">II", number, 0))


def later(number, data):
    return chunk(b"fdAT", struct.pack(">I", number) + data)


def animations(put):
    data = noise(64, 64, "frame")
    pixel = zlib.compress(b"\0\1\2\3")

    def film(name, what, before, behind=b"", size=(64, 64), idat=data):
        put(f"apng-{name}.png", what, whole(*size, idat, before=before, behind=behind), size)

    film("frames-4-billion", "says 2^32 - 1 frames, has one", frames(0xFFFFFFFF) + control(0))
    film("frames-0", "says no frames", frames(0) + control(0), control(1) + later(2, data))
    film(
        "frames-50000",
        "50,000 frames of one pixel",
        frames(50000) + control(0),
        b"".join(control(2 * i + 1, 1, 1) + later(2 * i + 2, pixel) for i in range(50000)),
    )
    film("controls-only", "50,000 frame headers without data", frames(50000) + control(0), b"".join(control(i + 1) for i in range(50000)))
    large = zeros(4000 * 12001)
    film(
        "frames-large-50",
        "50 frames of 4000 x 4000",
        frames(50) + control(0, 4000, 4000),
        b"".join(control(2 * i + 1, 4000, 4000, dispose=2, blend=1) + later(2 * i + 2, large) for i in range(49)),
        (4000, 4000),
        large,
    )
    film(
        "hidden-98-megapixels",
        "a hidden picture of 16384 x 6000 before a film of one pixel",
        frames(1),
        control(0, 1, 1) + later(1, pixel),
        (16384, 6000),
        zeros(6000 * 49153),
    )
    film("frame-off-canvas", "a frame at 2^32 - 1", frames(2) + control(0), control(1, 64, 64, 0xFFFFFFFF, 0xFFFFFFFF) + later(2, data))
    film("frame-larger", "a first frame larger than the canvas", frames(1) + control(0, 6000, 6000))
    film("frame-overflow", "width and offset that add up past 2^32", frames(1) + control(0, 0x80000001, 64, 0x7FFFFFFF))
    film("frame-empty", "a frame of no width", frames(2) + control(0), control(1, 0, 0) + later(2, data))
    film(
        "frame-hidden-larger",
        "a hidden picture, then a frame larger than the canvas",
        frames(1),
        control(0, 9000, 9000) + later(1, zeros(9000 * 27001)),
    )
    film("sequence-wrong", "sequence numbers that jump", frames(3) + control(7), control(3) + later(3, data) + control(0) + later(1, data))
    film("data-first", "frame data before the picture", frames(2) + control(0) + later(1, data), control(2) + later(3, data))
    film("data-without-number", "frame data of three bytes", frames(2) + control(0), control(1) + chunk(b"fdAT", b"abc"))
    film("data-empty", "frame data of a number only, 100,000 times", frames(2) + control(0), control(1) + later(2, b"") * 100_000)
    film("control-late", "the animation header behind the picture", b"", frames(2) + control(0) + later(1, data))
    film("control-twice", "two animation headers", frames(1) + frames(99999) + control(0))
    film("control-short", "a frame header of 10 bytes", frames(1) + chunk(b"fcTL", bytes(10)))
    film(
        "disposal-255",
        "disposal and blending that do not exist",
        frames(2) + control(0, dispose=255, blend=255),
        control(1, dispose=99) + later(2, data),
    )
    film("frame-cut", "a second frame that ends early", frames(2) + control(0), control(1) + later(2, data[:99]))
    film("missing-frames", "says 1000 frames, has two", frames(1000) + control(0), control(1) + later(2, data))
    film("data-interlaced-bomb", "a frame that inflates to 1 GB", frames(2) + control(0), control(1) + later(2, zeros(1 << 30)))
