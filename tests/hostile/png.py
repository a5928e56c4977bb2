"""PNG: the picture itself. Headers, palettes, filters, interlacing, the deflate stream."""

import random
import struct
import zlib

SIGNATURE = b"\x89PNG\r\n\x1a\n"
ALLOWED = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
WIDE, HIGH = 16384, 6000


def chunk(kind, body=b"", crc=None, length=None):
    total = zlib.crc32(kind + body) if crc is None else crc
    return struct.pack(">I", len(body) if length is None else length) + kind + body + struct.pack(">I", total)


def header(width, height, bits=8, colour=2, interlace=0, compression=0, filtering=0):
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, compression, filtering, interlace))


def whole(width, height, idat, bits=8, colour=2, interlace=0, before=b"", behind=b""):
    return SIGNATURE + header(width, height, bits, colour, interlace) + before + chunk(b"IDAT", idat) + behind + chunk(b"IEND")


def row_bytes(width, bits, colour):
    return (width * bits * CHANNELS.get(colour, 4) + 7) // 8


def deflated_runs(block, count, prefix=b"\x78\xda"):
    """A zlib stream of `block` repeated: made from one compressed block, so that gigabytes cost nothing to make."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    first = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    # The check sum of a long repetition is left wrong unless the block is of zeros, whose sum is a formula.
    total = (len(block) * count % 65521) << 16 | 1
    return prefix + first * count + b"\x03\0" + struct.pack(">I", total)


def zeros(length):
    step = 1 << 20
    if length < step:
        return zlib.compress(bytes(length), 9)
    return deflated_runs(bytes(step), length // step + 1)


def interlaced_bytes(width, height, bits, colour):
    total = 0
    for x, y, dx, dy in ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)):
        columns, rows = -(-(width - x) // dx), -(-(height - y) // dy)
        total += rows * (1 + row_bytes(columns, bits, colour)) if columns > 0 and rows > 0 else 0
    return total


def noise(width, height, seed="noise", colour=2):
    draw = random.Random(seed)
    length = row_bytes(width, 8, colour)
    return zlib.compress(b"".join(bytes([draw.randrange(5)]) + draw.randbytes(length) for _ in range(height)))


def little(before=b"", behind=b"", colour=2):
    """An honest little PNG."""
    return whole(64, 64, noise(64, 64, "little", colour), 8, colour, before=before, behind=behind)


def fill(put):
    large(put)
    modes(put)
    deflate(put)
    palettes(put)


def large(put):
    def bomb(name, bits, colour, interlace, width=WIDE, height=HIGH):
        length = interlaced_bytes(width, height, bits, colour) if interlace else height * (1 + row_bytes(width, bits, colour))
        palette = chunk(b"PLTE", bytes(768)) if colour == 3 else b""
        what = f"{width} x {height}, {bits} bits of colour type {colour}{', interlaced' * interlace}: {length >> 20} MB of zeros"
        put(f"png-{name}.png", what, whole(width, height, zeros(length), bits, colour, interlace, palette), (width, height))

    bomb("98-megapixels-rgb", 8, 2, 0)
    bomb("98-megapixels-rgba16", 16, 6, 0)
    bomb("98-megapixels-rgba16-interlaced", 16, 6, 1)
    bomb("98-megapixels-grey-interlaced", 8, 0, 1)
    bomb("98-megapixels-bit", 1, 0, 0)
    bomb("98-megapixels-palette-interlaced", 1, 3, 1)
    bomb("12-megapixels-rgb-interlaced", 8, 2, 1, 4000, 3000)
    bomb("50-megapixels-rgb", 8, 2, 0, 8192, 6100)
    bomb("wide-16384", 16, 6, 0, 16384, 1)
    bomb("tall-16384", 16, 6, 1, 1, 16384)
    put("png-98-megapixels-no-data.png", "16384 x 6000 and an empty stream", whole(WIDE, HIGH, zlib.compress(b""), 16, 6), (WIDE, HIGH))
    put("png-98-megapixels-no-idat.png", "16384 x 6000 and no IDAT at all", SIGNATURE + header(WIDE, HIGH) + chunk(b"IEND"), (WIDE, HIGH))
    put(
        "png-98-megapixels-interlaced-no-data.png",
        "16384 x 6000 interlaced, one row of it",
        whole(WIDE, HIGH, zeros(9999), 16, 6, 1),
        (WIDE, HIGH),
    )
    put("png-100000000-wide.png", "100,000,000 x 1", whole(100_000_000, 1, zeros(9999), 1, 0), (100_000_000, 1))
    put("png-100000000-tall.png", "1 x 100,000,000", whole(1, 100_000_000, zeros(9999), 1, 0), (1, 100_000_000))
    put("png-zero-height.png", "height 0", whole(64, 0, zeros(9)), (64, 0))
    put(
        "png-paeth-24-megapixels.png",
        "6000 x 4000 with the dearest filter in every row",
        whole(6000, 4000, deflated_runs(b"\x04" + bytes(18000), 4000)),
        (6000, 4000),
    )
    put(
        "png-hole.png",
        "a header of 8000 x 8000 and an IDAT of 50 MB that is a hole",
        SIGNATURE + header(8000, 8000) + struct.pack(">I", 50 << 20) + b"IDAT\x78\xda",
        (8000, 8000),
        length=52 << 20,
    )


def modes(put):
    for colour in range(8):
        for bits in (1, 2, 3, 4, 8, 16, 32):
            allowed = bits in ALLOWED.get(colour, ())
            # All modes that there are, with one byte of data; and those that there are not, with plenty.
            idat = zlib.compress(b"\0") if allowed else zeros(64 * 257)
            before = chunk(b"PLTE", bytes(6)) if colour == 3 else b""
            for interlace in (0, 1):
                name = f"png-mode-{colour}-{bits}{'-interlaced' * interlace}"
                what = f"colour type {colour} of {bits} bits, {'cut' if allowed else 'which does not exist'}"
                put(f"{name}.png", what, whole(33, 47, idat, bits, colour, interlace, before), (33, 47), kind="png-mode")
    put("png-interlace-2.png", "interlace method 2", whole(64, 64, zeros(64 * 193), interlace=2), (64, 64))
    put(
        "png-compression-1.png",
        "compression method 1",
        SIGNATURE + header(64, 64, compression=1) + chunk(b"IDAT", zeros(64 * 193)) + chunk(b"IEND"),
        (64, 64),
    )
    put(
        "png-filtering-64.png",
        "filter method 64, that of MNG",
        SIGNATURE + header(64, 64, filtering=64) + chunk(b"IDAT", zeros(64 * 193)) + chunk(b"IEND"),
        (64, 64),
    )
    for width, height in ((1, 1), (1, 5), (5, 1), (2, 3), (4, 4)):
        idat = zlib.compress(bytes(interlaced_bytes(width, height, 8, 2)))
        put(
            f"png-passes-{width}x{height}.png",
            "an interlaced picture most of whose passes are empty",
            whole(width, height, idat, interlace=1),
            (width, height),
        )


def deflate(put):
    def stream(name, what, idat, side=64):
        put(f"png-{name}.png", what, whole(side, side, idat), (side, side))

    rows = b"".join(b"\0" + bytes(192) for _ in range(64))
    stored = lambda body, last: struct.pack("<BHH", last, len(body), 0xFFFF ^ len(body)) + body
    check = struct.pack(">I", zlib.adler32(rows))
    stream("stored-empty-500000", "500,000 stored blocks of no bytes", b"\x78\x01" + stored(b"", 0) * 500_000 + stored(rows, 1) + check)
    stream(
        "stored-bytewise",
        "each byte a stored block of its own",
        b"\x78\x01" + b"".join(stored(rows[i : i + 1], 0) for i in range(len(rows))) + stored(b"", 1) + check,
    )
    stream("stored-length-lies", "a stored block whose length and complement disagree", b"\x78\x01\1\x10\0\0\0" + bytes(16) + check)
    stream(
        "fixed-empty-million",
        "a million empty blocks of fixed codes",
        b"\x78\x01" + bytes.fromhex("0208208000") * 250000 + stored(rows, 1) + check,
    )
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    dynamic = packer.compress(random.Random("dynamic").randbytes(400) + bytes(400)) + packer.flush(zlib.Z_FULL_FLUSH)
    stream("dynamic-5000", "5000 blocks, each with tables of its own", b"\x78\xda" + dynamic * 5000 + b"\3\0" + check)
    stream("block-type-3", "a block of the reserved type", b"\x78\x01\x07" + bytes(99))
    stream("codes-over-full", "code lengths that no prefix code has", b"\x78\x01\x05\xff\xff" + b"\xff" * 60)
    stream("distance-too-far", "a copy from before the beginning", b"\x78\x01" + bytes.fromhex("4b04fe1f0000") + bytes(9))
    stream("zlib-dictionary", "a zlib header that calls for a preset dictionary", b"\x78\xbb\0\0\0\1" + zlib.compress(rows)[2:])
    stream("zlib-method-15", "zlib compression method 15", b"\x7f\x01" + zlib.compress(rows)[2:])
    stream("zlib-window-lies", "a window of 256 bytes, copies from further back", b"\x08\x1d" + zlib.compress(rows * 2)[2:])
    stream("zlib-bad-sum", "a wrong check sum", zlib.compress(rows)[:-4] + b"oops")
    stream("zlib-no-sum", "no check sum", zlib.compress(rows)[:-4])
    stream("stream-twice", "two zlib streams", zlib.compress(rows) * 2)
    stream("stream-longer", "1 GB of zeros for a picture of 12 kB", zeros(1 << 30))
    stream("stream-shorter", "half of the rows", zlib.compress(rows[:6000]))
    stream("stream-random", "random bytes", random.Random("stream").randbytes(5000))
    stream("filters-unknown", "rows with filters 5 to 68", zlib.compress(b"".join(bytes([5 + y]) + bytes(192) for y in range(64))))
    compressed = zlib.compress(rows)
    put("png-cut-closed.png", "half of the data, then IEND", whole(64, 64, noise(64, 64)[:5000]), (64, 64))
    put("png-cut-in-crc.png", "cut within the check sum of IDAT", whole(64, 64, compressed)[:-14], (64, 64))
    put(
        "png-crc-wrong.png",
        "a wrong check sum of IDAT",
        SIGNATURE + header(64, 64) + chunk(b"IDAT", compressed, 0) + chunk(b"IEND"),
        (64, 64),
    )


def palettes(put):
    indices = zlib.compress(b"".join(b"\0" + bytes(range(64)) for _ in range(64)))

    def indexed(name, what, before, behind=b""):
        put(f"png-palette-{name}.png", what, whole(64, 64, indices, 8, 3, before=before, behind=behind), (64, 64))

    palette = chunk(b"PLTE", bytes(range(192)))
    indexed("missing", "no palette", b"")
    indexed("empty", "a palette of no colours", chunk(b"PLTE"))
    indexed("short", "indices beyond the palette", chunk(b"PLTE", b"\1\2\3"))
    indexed("300", "a palette of 300 colours", chunk(b"PLTE", bytes(900)))
    indexed("uneven", "a palette of 4 bytes", chunk(b"PLTE", bytes(4)))
    indexed("late", "the palette after the data", b"", palette)
    indexed("twice", "two palettes", palette + chunk(b"PLTE", bytes(768)))
    indexed("megabytes", "a palette of 12 MB", chunk(b"PLTE", bytes(12 << 20)))
    indexed("transparency-first", "transparency before the palette", chunk(b"tRNS", bytes(64)) + palette)
    indexed("transparency-longer", "more transparency than colours", palette + chunk(b"tRNS", bytes(300)))
    indexed("transparency-empty", "transparency of no bytes", palette + chunk(b"tRNS"))
    put("png-palette-for-grey.png", "a palette in a grey picture", little(palette, colour=0), (64, 64))
    put("png-transparency-for-rgba.png", "transparency in a picture that has alpha", little(chunk(b"tRNS", bytes(6)), colour=6), (64, 64))
    put("png-transparency-short.png", "a transparent colour of one byte", little(chunk(b"tRNS", b"\0")), (64, 64))
