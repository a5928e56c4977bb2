"""TIFF: directories, strips and tiles that lie. Decoded only with the feature `tiff`; without it they must be refused as cheaply."""

import random
import struct
import zlib

WIDTH, HEIGHT, BITS, COMPRESSION, KIND, OFFSETS, SAMPLES, ROWS, COUNTS, PLANAR = 256, 257, 258, 259, 262, 273, 277, 278, 279, 284
PREDICTOR, TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_COUNTS, FORMAT, JPEG_TABLES = 317, 322, 323, 324, 325, 339, 347


def tiff(entries, data=b"", following=0, order="<"):
    """Entries: tag to value, or to (type, count, value). The data begins at 4096."""
    rows = []
    for tag, value in sorted(entries.items()):
        kind, count, value = value if isinstance(value, tuple) else (4, 1, value)
        rows.append(struct.pack(order + "HHII", tag, kind, count, value))
    head = (
        (b"II*\0" if order == "<" else b"MM\0*")
        + struct.pack(order + "IH", 8, len(rows))
        + b"".join(rows)
        + struct.pack(order + "I", following)
    )
    return head.ljust(4096, b"\0") + data


def grey(width=64, height=64, **other):
    entries = {
        WIDTH: width,
        HEIGHT: height,
        BITS: 8,
        COMPRESSION: 1,
        KIND: 1,
        OFFSETS: 4096,
        SAMPLES: 1,
        ROWS: height,
        COUNTS: width * height & 0xFFFFFFFF,
    }
    return entries | {int(tag[1:]): value for tag, value in other.items()}


def fill(put):
    directories(put)
    layouts(put)
    compressions(put)


def directories(put):
    pixels = bytes(4096)
    put("tiff-loop-of-two.tif", "two directories that follow each other", tiff(grey(), struct.pack("<HI", 0, 8), 4096), (64, 64))
    chain = b"".join(struct.pack("<HI", 0, 4096 + 6 * (i + 1)) for i in range(500_000))
    put("tiff-directories-500000.tif", "500,000 empty directories", tiff(grey(), chain, 4096), (64, 64))
    put("tiff-sub-directory-loop.tif", "a sub-directory that contains itself", tiff(grey(_330=8, _34665=8), pixels), (64, 64))
    put("tiff-entries-65535.tif", "a directory that says it has 65535 entries", b"II*\0\x08\0\0\0\xff\xff" + bytes(5000), (0, 0))
    put(
        "tiff-entries-equal.tif",
        "60,000 widths",
        b"II*\0\x08\0\0\0" + struct.pack("<H", 60000) + b"".join(struct.pack("<HHII", 256, 4, 1, i) for i in range(60000)) + bytes(4),
    )
    put(
        "tiff-big.tif",
        "BigTIFF with a directory of 2^64 - 1 entries",
        b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 0xFFFFFFFFFFFFFFFF) + bytes(99),
    )
    put("tiff-big-offset.tif", "BigTIFF with its directory at 2^63", b"II+\0\x08\0\0\0" + struct.pack("<Q", 1 << 63) + bytes(99))
    put("tiff-big-endian.tif", "big-endian, cut", tiff(grey(), pixels[:999], order=">"), (64, 64))
    put("tiff-empty.tif", "a directory of no entries", tiff({}))
    put("tiff-magic-only.tif", "the magic number only", b"MM\0*")
    put("tiff-count-4-billion.tif", "4 billion strip offsets", tiff(grey(_273=(4, 0xFFFFFFFF, 4096)), pixels), (64, 64))
    put(
        "tiff-count-overflow.tif",
        "a count whose bytes overflow 32 bits",
        tiff(grey(_273=(16, 0x20000001, 4096), _279=(4, 0x40000001, 4096)), pixels),
        (64, 64),
    )
    put("tiff-type-99.tif", "values of a type that does not exist", tiff(grey(_256=(99, 1, 64)), pixels), (64, 64))
    put(
        "tiff-text-30-megabytes.tif",
        "a description that is the whole of a large file",
        tiff(grey(_270=(2, 30 << 20, 0)), pixels),
        (64, 64),
        length=31 << 20,
    )
    put("tiff-profile-4-gigabytes.tif", "a profile of 4 GB", tiff(grey(_34675=(7, 0xFFFFFFF0, 8)), pixels), (64, 64))


def layouts(put):
    pixels = bytes(4096)

    def laid(name, what, entries, data=pixels, size=(64, 64)):
        put(f"tiff-{name}.tif", what, tiff(entries, data), size)

    laid("98-megapixels-no-data", "16384 x 6000, one strip of nothing", grey(16384, 6000), size=(16384, 6000))
    laid(
        "98-megapixels-rows",
        "16384 x 6000, a strip per row, all the same bytes",
        grey(16384, 6000, _278=1, _273=(4, 6000, 8), _279=(4, 6000, 8)),
        bytes(1 << 16),
        (16384, 6000),
    )
    laid("2-32", "2^32 - 1 squared", grey(0xFFFFFFFF, 0xFFFFFFFF), size=(0xFFFFFFFF, 0xFFFFFFFF))
    laid("zero", "0 x 0", grey(0, 0), size=(0, 0))
    laid("rows-zero", "strips of no rows", grey(_278=0))
    laid("rows-4-billion", "strips of 2^32 - 1 rows", grey(_278=0xFFFFFFFF))
    laid("strip-past-end", "a strip at 4 GiB", grey(_273=0xFFFFFFF0))
    laid("strip-count-zero", "a strip of no bytes", grey(_279=0))
    laid("strip-count-4-billion", "a strip of 2^32 - 1 bytes", grey(_279=0xFFFFFFFF))
    laid("samples-65535", "65535 samples per pixel", grey(_277=65535, _258=(3, 65535, 8)))
    laid("samples-0", "no samples", grey(_277=0))
    laid("bits-64", "64 bits per sample", grey(_258=64))
    laid("bits-65535", "65535 bits per sample", grey(_258=65535))
    laid("bits-3", "3 bits per sample", grey(_258=3))
    laid("floats", "floats that are not numbers, 16 bits each", grey(_258=16, _339=3), b"\xff" * 9000)
    laid("planar", "planes apart, one strip for three", grey(_277=3, _262=2, _284=2))
    laid("planar-7", "planar configuration 7", grey(_277=3, _262=2, _284=7))
    laid("palette", "a palette without its table", grey(_262=3))
    laid("palette-short", "a palette of one colour", grey(_262=3, _320=(3, 3, 0)))
    laid("cmyk", "CMYK of 1 bit", grey(_262=5, _277=4, _258=1))
    laid("lab", "CIE L*a*b*", grey(_262=8, _277=3), bytes(20000))
    laid("ycbcr-sampling-0", "YCbCr with sampling factors 0", grey(_262=6, _277=3, _530=0), bytes(20000))
    laid("predictor-3", "the floating-point predictor on bytes", grey(_317=3, _259=8, _279=20), zlib.compress(pixels))
    tiles = {TILE_WIDTH: 1, TILE_HEIGHT: 1, TILE_OFFSETS: (4, 4096, 4096), TILE_COUNTS: (4, 4096, 4096)}
    base = {k: v for k, v in grey().items() if k not in (OFFSETS, ROWS, COUNTS)}
    laid("tiles-1x1", "4096 tiles of one pixel", base | tiles, bytes(1 << 15))
    laid("tiles-0x0", "tiles of no size", base | tiles | {TILE_WIDTH: 0, TILE_HEIGHT: 0})
    laid("tiles-2-31", "tiles of 2^31 squared", base | tiles | {TILE_WIDTH: 1 << 31, TILE_HEIGHT: 1 << 31})
    laid(
        "tiles-large",
        "one tile of 16384 x 16384 for 64 x 64 pixels",
        base | {TILE_WIDTH: 16384, TILE_HEIGHT: 16384, TILE_OFFSETS: 4096, TILE_COUNTS: 4096},
    )
    laid("tiles-98-megapixels", "16384 x 6000 in tiles of 1 x 1", base | {WIDTH: 16384, HEIGHT: 6000} | tiles, size=(16384, 6000))
    laid("tiles-and-strips", "tiles and strips", grey() | tiles)


def compressions(put):
    noise = random.Random("tiff").randbytes(4096)
    for number in (2, 3, 4, 5, 6, 7, 32773, 32946, 34712, 50000, 50001, 65535):
        entries = grey(_259=number, _279=len(noise))
        put(f"tiff-compression-{number}.tif", f"noise as compression {number}", tiff(entries, noise), (64, 64))
    bomb = zlib.compress(bytes(64 << 20), 9)
    put("tiff-deflate-bomb.tif", "64 MB for a strip of 4 kB", tiff(grey(_259=8, _279=len(bomb)), bomb), (64, 64))
    large = zlib.compress(bytes(16384 * 600), 9)
    entries = grey(16384, 6000, _259=8, _278=600, _273=(4, 10, 4096), _279=(4, 10, 4136))
    where = struct.pack("<10I", *[4176] * 10) + struct.pack("<10I", *[len(large)] * 10)
    put("tiff-deflate-98-megapixels.tif", "16384 x 6000 from ten strips that are the same", tiff(entries, where + large), (16384, 6000))
    put(
        "tiff-packbits-runs.tif",
        "16384 x 6000 as runs of 128",
        tiff(grey(16384, 6000, _259=32773, _279=16384 * 6000 // 64), b"\x81\0" * (16384 * 6000 // 128)),
        (16384, 6000),
    )
    put(
        "tiff-packbits-nothing.tif",
        "a million codes that mean nothing",
        tiff(grey(_259=32773, _279=1 << 20), b"\x80" * (1 << 20)),
        (64, 64),
    )
    put(
        "tiff-lzw-clears.tif",
        "1 MB of LZW clear codes",
        tiff(grey(_259=5, _279=1 << 20), b"\x80\x40\x20\x10\x08\x04\x02\x01\x00" * 116509),
        (64, 64),
    )
    put(
        "tiff-jpeg-tables.tif",
        "JPEG with tables past the end",
        tiff(grey(_259=7, _347=(7, 9999, 0xFFFF0000)), b"\xff\xd8\xff\xd9"),
        (64, 64),
    )
    jpeg = b"\xff\xd8\xff\xc0\0\x0b\x08\x17\x70\x40\0\1\1\x11\0" + b"\xff\xda\0\x08\1\1\0\0\x3f\0" + bytes(99) + b"\xff\xd9"
    put("tiff-jpeg-larger.tif", "a JPEG of 16384 x 6000 in a strip of 64 x 64", tiff(grey(_259=7, _279=len(jpeg)), jpeg), (64, 64))
