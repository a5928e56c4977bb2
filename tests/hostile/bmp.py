"""BMP: headers, palettes, masks and run lengths that lie."""

import random
import struct


def bmp(width, height, bits=24, compression=0, data=b"", header=40, colours=0, palette=b"", offset=None, size=0, extra=b"", planes=1):
    if header == 12:
        info = struct.pack("<IHHHH", 12, width & 0xFFFF, height & 0xFFFF, planes, bits)
    else:
        info = struct.pack("<IiiHHIIiiII", header, width, height, planes, bits, compression, size, 0, 0, colours, 0)
        info = info[:header].ljust(min(header, 124), b"\0")
    start = 14 + len(info) + len(extra) + len(palette) if offset is None else offset
    return b"BM" + struct.pack("<IHHI", start + len(data) & 0xFFFFFFFF, 0, 0, start) + info + extra + palette + data


def fill(put):
    sizes(put)
    palettes(put)
    runs(put)
    masks(put)


def sizes(put):
    def plain(name, what, size, *args, **options):
        put(f"bmp-{name}.bmp", what, bmp(*size, *args, **options), (abs(size[0]), abs(size[1])))

    plain("98-megapixels-no-data", "16384 x 6000 and no pixel", (16384, 6000))
    plain("98-megapixels-bit", "16384 x 6000 of one bit: 12 MB", (16384, 6000), 1, data=bytes(2048 * 6000), palette=bytes(8))
    plain("98-megapixels-32", "16384 x 6000 of 32 bits, one row of it", (16384, 6000), 32, data=bytes(65536))
    plain("overflow", "a width and a height whose product overflows 32 bits", (65537, 65537))
    plain("overflow-signed", "2^31 - 1 squared", (0x7FFFFFFF, 0x7FFFFFFF))
    plain("row-overflow", "a row of more than 2^32 bits", (0x10000001, 1), 32)
    plain("zero-height", "height 0", (64, 0))
    plain("top-down-98-megapixels", "16384 x -6000", (16384, -6000))
    plain("wide", "16384 x 1", (16384, 1), data=bytes(49152))
    plain("bits-0", "0 bits per pixel", (64, 64), 0)
    plain("bits-2", "2 bits per pixel", (64, 64), 2, data=bytes(9999))
    plain("bits-64", "64 bits per pixel", (64, 64), 64, data=bytes(99999))
    plain("bits-65535", "65535 bits per pixel", (64, 64), 65535, data=bytes(9999))
    plain("planes-0", "no planes", (64, 64), planes=0, data=bytes(64 * 192))
    plain("offset-past-end", "pixels at 4 GiB", (64, 64), data=bytes(64 * 192), offset=0xFFFFFFF0)
    plain("offset-in-header", "pixels that begin in the header", (64, 64), data=bytes(64 * 192), offset=14)
    plain("cut", "half of the rows", (256, 256), data=random.Random("cut").randbytes(98000))
    for header in (12, 16, 52, 56, 64, 108, 124):
        plain(f"header-{header}", f"a header of {header} bytes", (64, 64), data=bytes(64 * 192), header=header)
    plain("header-12-65535", "an OS/2 header of 65535 x 65535", (65535, 65535), header=12)
    plain("header-cut", "cut within a header of 124 bytes", (64, 64), header=124)
    put("bmp-header-cut-30.bmp", "cut at byte 30", bmp(64, 64)[:30], (64, 64))
    put("bmp-hole.bmp", "8000 x 2600 whose pixels are a hole", bmp(8000, 2600), (8000, 2600), length=60 << 20)


def palettes(put):
    def indexed(name, what, bits, colours, palette, **options):
        put(f"bmp-palette-{name}.bmp", what, bmp(64, 64, bits, 0, b"\xf7" * 4096, colours=colours, palette=palette, **options), (64, 64))

    indexed("none", "no palette", 8, 0, b"")
    indexed("4-billion", "a palette of 2^32 - 1 colours", 8, 0xFFFFFFFF, bytes(1024))
    indexed("overflow", "a palette whose size overflows 32 bits", 8, 0x40000001, bytes(1024))
    indexed("100000", "a palette of 100,000 colours", 8, 100_000, bytes(400_000))
    indexed("short", "indices beyond the palette", 8, 2, bytes(8))
    indexed("of-one-bit-300", "300 colours for one bit", 1, 300, bytes(1200))
    indexed("os2", "an OS/2 palette, cut", 8, 0, bytes(99), header=12)


def runs(put):
    def coded(name, what, data, bits=8, compression=1, side=256, height=None):
        put(
            f"bmp-rle-{name}.bmp",
            what,
            bmp(side, side if height is None else height, bits, compression, data, palette=bytes(1024 if bits == 8 else 64)),
            (side, abs(height or side)),
        )

    draw = random.Random("rle")
    coded("delta-far", "jumps out of the picture", b"\0\2\xff\xff" * 5000)
    coded("delta-none", "a million jumps of no distance", b"\0\2\0\0" * 1_000_000)
    coded("lines-million", "a million line ends", b"\0\0" * 1_000_000)
    coded("runs-empty", "runs of length 0 that are escapes to absolute mode, cut", b"\0\xff" * 3000)
    coded("run-past-row", "runs longer than the row", b"\xff\1" * 5000, side=16)
    coded("end-first", "the end of the picture at once", b"\0\1")
    coded("98-megapixels", "16384 x 6000, an end mark only", b"\0\1", side=16384, height=6000)
    coded("98-megapixels-runs", "16384 x 6000, all of it in runs", (b"\xff\1" * 64 + b"\x40\1" + b"\0\0") * 6000, side=16384, height=6000)
    coded("top-down", "run lengths in a picture that is top-down", b"\x10\1\0\1", height=-256)
    coded("of-24-bits", "run lengths of 24 bits", draw.randbytes(9999), 24)
    coded("4-in-8", "RLE4 in a picture of 8 bits", draw.randbytes(9999), 8, 2)
    coded("4-random", "random RLE4", draw.randbytes(9999), 4, 2)
    coded("8-random", "random RLE8", draw.randbytes(9999))
    coded("no-end", "no end mark", b"\x40\1" * 500)
    for compression, name in ((4, "jpeg"), (5, "png"), (6, "alpha-masks"), (7, "none"), (11, "cmyk"), (0xFFFFFFFF, "unknown")):
        coded(f"compression-{name}", f"compression {compression}", b"\xff\xd8\xff\xe0" + bytes(9999), 24, compression)


def masks(put):
    def masked(name, what, masks, bits=32, header=40):
        extra = struct.pack(f"<{len(masks)}I", *masks)
        put(f"bmp-masks-{name}.bmp", what, bmp(64, 64, bits, 3, b"\xa5" * 64 * 256, header=header, extra=extra), (64, 64))

    masked("zero", "masks of no bits", (0, 0, 0))
    masked("overlap", "masks that are the same", (0xFFFFFFFF,) * 3)
    masked("holes", "masks with holes", (0x80000001, 0x55555555, 0xAAAAAAAA))
    masked("beyond-16", "masks beyond the 16 bits of a pixel", (0xFF000000, 0xFF0000, 0xFF00), 16)
    masked("cut", "two masks of three", (0xFF, 0xFF00))
    masked("of-24-bits", "masks for 24 bits", (0xFF, 0xFF00, 0xFF0000), 24)
    masked("wide", "a mask of 32 bits and two of none", (0xFFFFFFFF, 0, 0))
