"""WebP: the RIFF around it, the lossless and the lossy stream."""

import random
import struct

from gif import codes


def chunk(kind, body=b"", length=None):
    return kind + struct.pack("<I", len(body) if length is None else length) + body + b"\0" * (len(body) & 1)


def riff(*parts, length=None):
    body = b"WEBP" + b"".join(parts)
    return b"RIFF" + struct.pack("<I", len(body) if length is None else length) + body


def canvas(width, height, flags=0):
    return chunk(b"VP8X", struct.pack("<I", flags) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little"))


def one(symbol=0):
    """A prefix code of one symbol: a pixel then costs no bits."""
    return [(1, 1), (0, 1), (1, 1), (symbol, 8)]


FIVE = one() * 5
NO_TRANSFORM, NO_CACHE, NO_META = (0, 1), (0, 1), (0, 1)


def lossless(width, height, bits=None, tail=b""):
    """A `VP8L` chunk; by default a flat picture in 20 bytes, whatever its size."""
    head = [(width - 1, 14), (height - 1, 14), (1, 1), (0, 3)]
    body = [NO_TRANSFORM, NO_CACHE, NO_META] + FIVE if bits is None else bits
    return chunk(b"VP8L", b"\x2f" + codes(head + body) + tail)


def lossy_body(width, height, data, first=None, tag=0, start=b"\x9d\x01\x2a"):
    size = len(data) if first is None else first
    return (size << 5 | 0x10 | tag).to_bytes(3, "little") + start + struct.pack("<HH", width, height) + data


def lossy(width, height, data, first=None, tag=0, start=b"\x9d\x01\x2a"):
    return chunk(b"VP8 ", lossy_body(width, height, data, first, tag, start))


def frame(part, width, height, left=0, top=0, flags=0):
    def three(n):
        return (n & 0xFFFFFF).to_bytes(3, "little")

    return chunk(b"ANMF", three(left) + three(top) + three(width - 1) + three(height - 1) + three(50) + bytes([flags]) + part)


ANIMATED, ALPHA, EXIF, XMP, ICC = 2, 16, 8, 4, 32
ANIM = chunk(b"ANIM", bytes(6))


def fill(put):
    containers(put)
    lossless_streams(put)
    lossy_streams(put)
    animations(put)


def containers(put):
    small = lossless(64, 64)

    def built(name, what, *parts, size=(64, 64), length=None):
        put(f"webp-{name}.webp", what, riff(*parts, length=length), size)

    built("canvas-larger", "a canvas of 16384 x 6000 around a picture of 64 x 64", canvas(16384, 6000), small, size=(16384, 6000))
    built("canvas-smaller", "a canvas of 8 x 8 around a picture of 64 x 64", canvas(8, 8), small)
    built("canvas-2-24", "a canvas of 2^24 x 2^24", canvas(1 << 24, 1 << 24), small, size=(1 << 24, 1 << 24))
    built("canvas-twice", "two canvases", canvas(64, 64), canvas(9999, 9999), small)
    built("canvas-late", "the canvas behind the picture", small, canvas(16384, 6000))
    built("canvas-cut", "a canvas chunk of 4 bytes", chunk(b"VP8X", b"\0\0\0\0"), small)
    built("canvas-flags-all", "all flags set, nothing behind them", canvas(64, 64, 0xFFFFFFFF), small)
    built("riff-zero", "a RIFF length of 0", small, length=0)
    built("riff-4-gigabytes", "a RIFF length of 2^32 - 1", small, length=0xFFFFFFFF)
    built("riff-short", "a RIFF that ends within the picture", small, length=20)
    built("riff-odd", "an odd RIFF length", small, length=4 + len(small) - 1)
    for kind, flag in ((b"ICCP", ICC), (b"EXIF", EXIF), (b"XMP ", XMP)):
        name = kind.decode().strip().lower()
        built(f"{name}-4-gigabytes", f"an {name} chunk of 2^32 - 1 bytes", canvas(64, 64, flag), chunk(kind, b"x", 0xFFFFFFFF), small)
        built(f"{name}-behind-4-gigabytes", "the same behind the picture", canvas(64, 64, flag), small, chunk(kind, b"x", 0xFFFFFFFE))
        built(f"{name}-12-megabytes", f"an {name} chunk of 12 MB", canvas(64, 64, flag), chunk(kind, bytes(12 << 20)), small)
    built(
        "exif-1000",
        "a thousand EXIF chunks that disagree",
        canvas(64, 64, EXIF),
        small,
        *[chunk(b"EXIF", b"II*\0\x08\0\0\0\1\0" + struct.pack("<HHII", 274, 3, 1, i % 9) + b"\x08\0\0\0") for i in range(1000)],
    )
    built("chunks-500000", "500,000 unknown chunks", canvas(64, 64), chunk(b"JUNK") * 500_000, small)
    built("chunk-unknown-past-end", "an unknown chunk that reaches past the end", small, chunk(b"JUNK", b"", 99999))
    built("picture-missing", "a canvas and no picture", canvas(64, 64))
    built("picture-twice", "two pictures of different size", lossless(64, 64), lossless(8000, 8000))
    built("picture-of-both-kinds", "a lossy and a lossless picture", canvas(64, 64), lossy(64, 64, bytes(999)), small)
    built("empty", "no chunk at all", size=(0, 0))
    built("alpha-alone", "an alpha plane without a picture", canvas(64, 64, ALPHA), chunk(b"ALPH", bytes(4097)))
    built("alpha-short", "an alpha plane of 9 bytes", canvas(64, 64, ALPHA), chunk(b"ALPH", bytes(9)), lossy(64, 64, bytes(999)))
    built(
        "alpha-method-3",
        "alpha of an unknown compression",
        canvas(64, 64, ALPHA),
        chunk(b"ALPH", b"\xff" + bytes(4096)),
        lossy(64, 64, bytes(999)),
    )
    built(
        "alpha-twice",
        "two alpha planes",
        canvas(64, 64, ALPHA),
        chunk(b"ALPH", bytes(4097)),
        chunk(b"ALPH", bytes(1)),
        lossy(64, 64, bytes(999)),
    )
    flat_alpha = codes([NO_TRANSFORM, NO_CACHE, NO_META] + FIVE)
    built(
        "alpha-98-megapixels",
        "a lossless alpha plane of 16383 x 6000 in a few bytes",
        canvas(16383, 6000, ALPHA),
        chunk(b"ALPH", b"\1" + flat_alpha),
        lossy(16383, 6000, bytes(9999)),
        size=(16383, 6000),
    )
    built(
        "alpha-filtered",
        "alpha with the gradient filter",
        canvas(64, 64, ALPHA),
        chunk(b"ALPH", b"\x0c" + random.Random("alpha").randbytes(4096)),
        lossy(64, 64, bytes(999)),
    )
    put(
        "webp-hole.webp",
        "a picture chunk of 50 MB that is a hole",
        riff(lossless(8000, 8000)[:4] + struct.pack("<I", 50 << 20) + lossless(8000, 8000)[8:], length=(50 << 20) + 20),
        (8000, 8000),
        length=(50 << 20) + 28,
    )


def lossless_streams(put):
    def stream(name, what, bits, size=(64, 64), tail=b""):
        put(f"webp-lossless-{name}.webp", what, riff(lossless(*size, bits, tail)), size)

    sub = [NO_CACHE] + FIVE
    plain = [NO_TRANSFORM, NO_CACHE, NO_META]
    stream("98-megapixels", "16383 x 6000 in 40 bytes", None, (16383, 6000))
    stream("268-megapixels", "16383 x 16383 in 40 bytes", None, (16383, 16383))
    stream("wide", "16384 x 1", None, (16384, 1))
    stream("tall", "1 x 16384", None, (1, 16384))
    stream("no-data", "8000 x 8000 and nothing behind the header", [], (8000, 8000))
    for bits in (2, 9):
        stream(
            f"predictor-{bits}",
            "a predictor for each pixel group, 6000 x 4000",
            [(1, 1), (0, 2), (bits - 2, 3)] + sub + plain + FIVE,
            (6000, 4000),
        )
    stream("predictor-15", "predictor 15, which does not exist", [(1, 1), (0, 2), (0, 3), NO_CACHE] + one(15) + one() * 4 + plain + FIVE)
    stream(
        "colour-transform", "a colour transform of extremes", [(1, 1), (1, 2), (0, 3), NO_CACHE] + one(128) * 5 + plain + FIVE, (4000, 3000)
    )
    stream("transform-twice", "the same transform twice", [(1, 1), (2, 2), (1, 1), (2, 2)] + plain + FIVE)
    stream(
        "transforms-all",
        "all four transforms, 6000 x 4000",
        [(1, 1), (0, 2), (0, 3)] + sub + [(1, 1), (1, 2), (0, 3)] + sub + [(1, 1), (2, 2), (1, 1), (3, 2), (1, 8)] + sub + plain + FIVE,
        (6000, 4000),
    )
    stream(
        "palette-packed",
        "a palette of two colours: eight pixels in one, 16383 x 6000",
        [(1, 1), (3, 2), (1, 8)] + sub + plain + FIVE,
        (16383, 6000),
    )
    stream("palette-beyond", "indices beyond a palette of 17", [(1, 1), (3, 2), (16, 8)] + sub + plain + one(255) * 5)
    stream("cache-11", "a colour cache of 11 bits", [NO_TRANSFORM, (1, 1), (11, 4), NO_META] + FIVE)
    stream("cache-15", "a colour cache of 15 bits", [NO_TRANSFORM, (1, 1), (15, 4), NO_META] + FIVE)
    stream("cache-0", "a colour cache of no bits", [NO_TRANSFORM, (1, 1), (0, 4), NO_META] + FIVE)
    groups = [NO_TRANSFORM, NO_CACHE, (1, 1), (0, 3), NO_CACHE]
    stream("groups-65536-missing", "65,536 groups of prefix codes announced, none there", groups + one(255) * 5)
    stream(
        "groups-65536",
        "65,536 groups of prefix codes, all there",
        groups + one(255) * 5 + FIVE * 400,
        (64, 64),
        (codes(FIVE * 8) * 8192)[:-1],
    )
    stream("groups-98-megapixels", "a group for every 4 x 4 pixels of 16383 x 6000", groups + FIVE + FIVE, (16383, 6000))
    stream(
        "copy-from-before",
        "copies from before the first pixel",
        plain + [(1, 1), (1, 1), (1, 1), (0, 8), (255, 8)] + one(1) * 4,
        tail=b"\xff" * 999,
    )
    normal = [(0, 1), (15, 4)] + [(7, 3)] * 19
    stream("code-over-full", "code lengths that no prefix code has", plain + normal, tail=b"\xff" * 99)
    stream("code-empty", "code lengths that are all zero", plain + [(0, 1), (0, 4)] + [(0, 3)] * 4, tail=bytes(99))
    stream(
        "code-of-two-equal",
        "a simple code whose two symbols are one",
        plain + [(1, 1), (1, 1), (1, 1), (5, 8), (5, 8)] * 5,
        tail=b"\x55" * 999,
    )
    stream("random", "random bits behind the header", [], (1000, 1000), random.Random("lossless").randbytes(20000))
    stream("random-codes", "random bits behind a plain start", plain, (256, 256), random.Random("codes").randbytes(9999))
    put("webp-lossless-signature.webp", "a wrong signature byte", riff(chunk(b"VP8L", b"\x2e" + bytes(99))))
    put(
        "webp-lossless-version-7.webp",
        "version 7",
        riff(chunk(b"VP8L", b"\x2f" + codes([(63, 14), (63, 14), (0, 1), (7, 3)] + FIVE))),
        (64, 64),
    )


def lossy_streams(put):
    def stream(name, what, *args, size=(256, 256), **options):
        put(f"webp-lossy-{name}.webp", what, riff(lossy(*size, *args, **options)), size)

    noise = random.Random("lossy").randbytes(60000)
    stream("zeros", "a stream of zeros", bytes(9999))
    stream("ones", "a stream of ones", b"\xff" * 9999)
    stream("random", "a random stream, which is a picture too", noise)
    stream("98-megapixels", "16383 x 6000 from 10 kB", bytes(9999), size=(16383, 6000), first=5000)
    stream("98-megapixels-random", "16383 x 6000 from 60 kB of noise", noise, size=(16383, 6000), first=5000)
    stream("24-megapixels-random", "6000 x 4000 from 2 MB of noise", noise * 33, size=(6000, 4000), first=400000)
    stream("partition-longer", "a first partition longer than the file", noise, first=(1 << 19) - 1)
    stream("partition-empty", "a first partition of no bytes", noise, first=0)
    stream("partition-takes-all", "nothing left for the second partition", noise, first=len(noise))
    stream("partition-sizes-cut", "the sizes of the partitions are cut", b"\xff" * 40, first=38)
    stream("inter-frame", "a frame that refers to one before", noise, tag=1)
    stream("version-7", "version 7", noise, tag=0x0E)
    stream("start-code", "a wrong start code", noise, start=b"\1\2\3")
    put("webp-lossy-size-0.webp", "0 x 0", riff(lossy(0, 0, noise)))
    put("webp-lossy-scaled.webp", "scaling bits set", riff(lossy(0xC000 | 256, 0x8000 | 256, noise)), (256, 256))
    put("webp-lossy-cut.webp", "cut in the second partition", riff(lossy(256, 256, noise, first=9000))[:20000], (256, 256))
    put("webp-lossy-cut-closed.webp", "cut, all lengths made to fit", riff(lossy(256, 256, noise[:9100], first=9000)), (256, 256))
    put("webp-lossy-header-cut.webp", "a picture chunk of 5 bytes", riff(chunk(b"VP8 ", bytes(5))))


def animations(put):
    pixel, small = lossless(1, 1), lossless(64, 64)

    def film(name, what, *parts, size=(64, 64), flags=ANIMATED):
        put(f"webp-film-{name}.webp", what, riff(canvas(*size, flags), *parts), size)

    film("frames-100000", "100,000 frames of one pixel", ANIM, frame(pixel, 1, 1) * 100_000)
    film(
        "frames-large-1000",
        "1000 frames of 4000 x 4000 in 60 bytes each",
        ANIM,
        frame(lossless(4000, 4000), 4000, 4000) * 1000,
        size=(4000, 4000),
    )
    film("98-megapixels", "a film of 16383 x 6000", ANIM, frame(lossless(16383, 6000), 16383, 6000), size=(16383, 6000))
    film("canvas-98-megapixels", "one pixel on a canvas of 16384 x 6000", ANIM, frame(pixel, 1, 1), size=(16384, 6000))
    film("nested", "a frame in a frame in a frame", ANIM, frame(frame(frame(small, 64, 64), 64, 64), 64, 64))
    film("frame-off-canvas", "a frame at 2^24", ANIM, frame(small, 64, 64, 0xFFFFFF, 0xFFFFFF))
    film("frame-size-lies", "a frame that says 2 x 2 and holds 64 x 64", ANIM, frame(small, 2, 2))
    film("frame-says-larger", "a frame that says 64 x 64 and holds one pixel", ANIM, frame(pixel, 64, 64))
    film("frame-empty", "frames without a picture", ANIM, frame(b"", 64, 64) * 1000)
    film("frame-cut", "a frame of 10 bytes", ANIM, chunk(b"ANMF", bytes(10)))
    film("frame-only-alpha", "a frame of an alpha plane only", ANIM, frame(chunk(b"ALPH", bytes(4097)), 64, 64))
    film("none", "an animation without frames", ANIM)
    film("no-header", "frames without an animation header", frame(small, 64, 64))
    film("no-flag", "frames in a file that says it is a still", ANIM, frame(small, 64, 64), flags=0)
    film("still-within", "a still picture in a file that says it is a film", small)
    film("header-100000", "100,000 animation headers", ANIM * 100_000, frame(small, 64, 64))
    film(
        "lossy-random",
        "frames of noise",
        ANIM,
        *[frame(lossy(64, 64, random.Random(i).randbytes(900)), 64, 64, flags=3) for i in range(50)],
    )
