"""JPEG: sizes, components, tables and coding processes that lie."""

import random

from jpeg_parts import *


def fill(put):
    sizes(put)
    sampling(put)
    components(put)
    tables(put)
    processes(put)


def sizes(put):
    put("jpeg-wide.jpg", "65535 x 1, complete", flat(65535, 1), (65535, 1))
    put("jpeg-tall.jpg", "1 x 65535, complete", flat(1, 65535), (1, 65535))
    put("jpeg-wide-inside.jpg", "16384 x 1, within the limits, one row of blocks", flat(16384, 1, COLOUR), (16384, 1))
    put("jpeg-tall-inside.jpg", "1 x 16384: every block is all padding but one column", flat(1, 16384, COLOUR), (1, 16384))
    put("jpeg-98-megapixels-grey.jpg", "16384 x 6000 grey in 400 kB", flat(16384, 6000), (16384, 6000))
    put("jpeg-48-megapixels-colour.jpg", "8000 x 6000 in colour, 4:4:4, in 560 kB", flat(8000, 6000, COLOUR), (8000, 6000))
    put("jpeg-268-megapixels.jpg", "16384 x 16384, complete", flat(16384, 16384), (16384, 16384))
    put("jpeg-98-megapixels-no-data.jpg", "16384 x 6000 and one byte of scan", flat(16384, 6000, COLOUR, 4), (16384, 6000))
    put("jpeg-zero-width.jpg", "width 0", flat(0, 64), (0, 64))


def sampling(put):
    def mixed(name, what, factors, side=512, units=None):
        parts = [(i + 1, factor, 0) for i, factor in enumerate(factors)]
        put(f"jpeg-sampling-{name}.jpg", what, flat(side, side, parts, units or 64 * 64 * 16), (side, side))

    mixed("4x4", "luma 4x4: 18 blocks in a unit, more than the 10 allowed", (0x44, 0x11, 0x11))
    mixed("1x4", "luma 1x4", (0x14, 0x11, 0x11))
    mixed("3x1", "luma 3x1, which no power of two divides", (0x31, 0x11, 0x11))
    mixed("3x2-2x3", "factors that do not divide one another", (0x32, 0x23, 0x11))
    mixed("chroma-larger", "luma 1x1, chroma 2x2: luma is the one to be stretched", (0x11, 0x22, 0x22))
    mixed("2x2-1x1-2x2", "chroma planes of different sizes", (0x22, 0x11, 0x22))
    mixed("2x1-1x2", "chroma planes halved in different directions", (0x22, 0x21, 0x12))
    mixed("zero", "a factor of 0", (0x22, 0x01, 0x10))
    mixed("15x15", "factors of 15", (0xFF, 0x11, 0x11))
    mixed("grey-2x2", "one component with factors 2x2, whose blocks are not interleaved", (0x22,))
    mixed("grey-4x1", "one component with factors 4x1", (0x41,))
    mixed("4-components", "four components, each of another size", (0x22, 0x21, 0x12, 0x11))
    mixed("4x4-inflated", "16000 x 6000 whose factors ask for planes of 16 times the size", (0x11, 0x44, 0x44), 6000, 4)


def components(put):
    for count in (2, 4, 5, 255):
        parts = [(i % 255 + 1, 0x11, 0) for i in range(count)]
        data = HEAD + sof(64, 64, parts) + sos([(part[0], 0) for part in parts[:4]]) + flat_scan(64 * count) + EOI
        put(f"jpeg-components-{count}.jpg", f"{count} components", data, (64, 64))
    put("jpeg-components-0.jpg", "no component", HEAD + sof(64, 64, []) + sos([]) + flat_scan(64) + EOI, (64, 64))
    put(
        "jpeg-components-255-large.jpg",
        "255 components of 8000 x 8000",
        HEAD + sof(8000, 8000, [(i, 0x44, 0) for i in range(255)]) + sos() + flat_scan(64) + EOI,
        (8000, 8000),
    )
    put(
        "jpeg-component-count-lies.jpg",
        "says 4 components, describes 1",
        HEAD + sof(64, 64, GREY, count=4) + sos() + flat_scan(64) + EOI,
        (64, 64),
    )
    put("jpeg-component-ids-equal.jpg", "three components with one id", flat(64, 64, [(1, 0x11, 0)] * 3), (64, 64))
    put("jpeg-component-ids-zero.jpg", "ids 0, 255, 128", flat(64, 64, [(0, 0x11, 0), (255, 0x22, 0), (128, 0x11, 0)], 256), (64, 64))
    put("jpeg-component-ids-rgb.jpg", "ids R, G, B: not YCbCr", flat(64, 64, [(ord(c), 0x11, 0) for c in "RGB"]), (64, 64))
    frame = HEAD + sof(64, 64, COLOUR)
    put(
        "jpeg-scan-of-unknown-component.jpg",
        "the scan names a component that the frame has not",
        frame + sos(((9, 0),)) + flat_scan(64) + EOI,
        (64, 64),
    )
    put("jpeg-scan-of-none.jpg", "a scan of no component", frame + sos(()) + flat_scan(64) + EOI, (64, 64))
    put(
        "jpeg-scan-of-one-thrice.jpg",
        "a scan of the same component three times",
        frame + sos(((1, 0),) * 3) + flat_scan(192) + EOI,
        (64, 64),
    )
    put("jpeg-scan-of-255.jpg", "a scan header that says 255 components", frame + sos(((1, 0),), count=255) + flat_scan(64) + EOI, (64, 64))
    put("jpeg-chroma-missing.jpg", "three components, a scan for luma only", frame + sos() + flat_scan(64) + EOI, (64, 64))


def tables(put):
    rest = sof(64, 64) + sos() + flat_scan(64) + EOI

    def with_tables(name, what, data):
        put(f"jpeg-{name}.jpg", what, SOI + data + rest, (64, 64))

    with_tables(
        "dht-over-full", "300 symbols", dqt() + segment(0xC4, b"\0" + bytes([0, 0, 0, 0, 0, 0, 0, 150, 150] + [0] * 7) + bytes(300))
    )
    with_tables("dht-empty", "tables without a code", dqt() + dht(0, 0, {}, []) + dht(1, 0, {}, []))
    with_tables("dht-no-prefix", "three codes of one bit", dqt() + dht(0, 0, {1: 3}, [0, 1, 2]) + dht(1, 0, {1: 3}, [0, 1, 2]))
    with_tables(
        "dht-all-ones",
        "two codes of one bit: the code of ones, which is reserved",
        dqt() + dht(0, 0, {1: 2}, [0, 1]) + dht(1, 0, {1: 2}, [0, 1]),
    )
    with_tables("dht-long-codes", "only codes of 16 bits", dqt() + dht(0, 0, {16: 12}, range(12)) + dht(1, 0, {16: 250}, range(250)))
    with_tables("dht-number-15", "table 15 of class 15", dqt() + ZERO_TABLES + segment(0xC4, b"\xff" + bytes(16)))
    with_tables("dht-missing", "no Huffman table", dqt())
    with_tables("dht-cut", "a table that ends within its counts", dqt() + segment(0xC4, b"\0\1\2"))
    with_tables("dht-20000", "20,000 Huffman tables", dqt() + ZERO_TABLES * 10000)
    with_tables("dht-dc-size-16", "DC differences of 16 and 255 bits", dqt() + dht(0, 0, {1: 1, 2: 1}, [16, 255]) + ZERO_AC)
    with_tables("dqt-zero", "a quantisation table of zeros", dqt((0,) * 64) + ZERO_TABLES)
    with_tables("dqt-16-bit", "quantisation by 65535", dqt((65535,) * 64, wide=True) + ZERO_TABLES)
    with_tables("dqt-missing", "no quantisation table", ZERO_TABLES)
    with_tables("dqt-number-9", "quantisation table 9", dqt(number=9) + ZERO_TABLES)
    with_tables("dqt-precision-15", "quantisation values of precision 15", segment(0xDB, b"\xf0" + bytes(128)) + ZERO_TABLES)
    with_tables("dqt-cut", "half a quantisation table", segment(0xDB, bytes(33)) + ZERO_TABLES)
    with_tables("dqt-15000", "15,000 quantisation tables", dqt() * 15000 + ZERO_TABLES)
    parts = [(1, 0x11, 3), (2, 0x11, 200), (3, 0x11, 1)]
    put("jpeg-dqt-undefined.jpg", "components that use undefined quantisation tables", flat(64, 64, parts), (64, 64))
    put(
        "jpeg-dht-undefined.jpg",
        "a scan that uses undefined Huffman tables",
        HEAD + sof(64, 64) + sos(((1, 0x33),)) + flat_scan(64) + EOI,
        (64, 64),
    )
    put(
        "jpeg-dht-selector-15.jpg",
        "a scan that uses Huffman tables 15",
        HEAD + sof(64, 64) + sos(((1, 0xFF),)) + flat_scan(64) + EOI,
        (64, 64),
    )


def processes(put):
    for marker, name in (
        (0xC1, "extended"),
        (0xC3, "lossless"),
        (0xC5, "hierarchical"),
        (0xC9, "arithmetic"),
        (0xCA, "arithmetic-progressive"),
        (0xCB, "arithmetic-lossless"),
        (0xCF, "sof15"),
        (0xF7, "jpeg-ls"),
    ):
        data = HEAD + sof(64, 64, marker=marker) + sos() + random.Random(name).randbytes(500).replace(b"\xff", b"") + EOI
        put(f"jpeg-{name}.jpg", f"a frame of marker {marker:02x}", data, (64, 64))
    for precision in (0, 12, 16, 255):
        data = HEAD + sof(64, 64, marker=0xC1, precision=precision) + sos() + flat_scan(64) + EOI
        put(f"jpeg-precision-{precision}.jpg", f"{precision} bits per sample", data, (64, 64))
    put(
        "jpeg-arithmetic-conditioning.jpg",
        "arithmetic conditioning (DAC) in a Huffman file",
        HEAD + segment(0xCC, bytes(4096)) + flat(64, 64)[len(HEAD) :],
        (64, 64),
    )
    hierarchical = HEAD + segment(0xDE, sof(64, 64)[4:]) + segment(0xDF, b"\x11") + flat(64, 64)[len(HEAD) :]
    put("jpeg-expand.jpg", "DHP and EXP segments in front of a baseline frame", hierarchical, (64, 64))
