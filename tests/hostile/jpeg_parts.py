"""The parts that a JPEG is put together from, each free to lie.

The Huffman tables are chosen so that files are small and easy to write: in the *zero* tables the symbol 0 is the one-bit code 0, so that
a flat block is two zero bits and a scan of any size is a run of zero bytes; in the *flat* tables every code is as long as all others.
"""

import random
import struct

SOI, EOI = b"\xff\xd8", b"\xff\xd9"
GREY = [(1, 0x11, 0)]
COLOUR = [(1, 0x11, 0), (2, 0x11, 0), (3, 0x11, 0)]


def segment(marker, body, length=None):
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2 if length is None else length) + body


def dqt(values=(1,) * 64, number=0, wide=False):
    return segment(0xDB, bytes([wide << 4 | number]) + struct.pack(">64H" if wide else "64B", *values))


def dht(kind, number, counts, symbols):
    """`counts`: length of code -> how many; `kind`: 0 for DC, 1 for AC."""
    return segment(0xC4, bytes([kind << 4 | number]) + bytes(counts.get(n, 0) for n in range(1, 17)) + bytes(symbols))


def sof(width, height, parts=GREY, marker=0xC0, precision=8, count=None):
    body = struct.pack(">BHHB", precision, height, width, len(parts) if count is None else count)
    return segment(marker, body + b"".join(bytes(part) for part in parts))


def sos(parts=((1, 0),), first=0, last=63, high=0, low=0, count=None):
    body = bytes([len(parts) if count is None else count]) + b"".join(bytes(part) for part in parts)
    return segment(0xDA, body + bytes([first, last, high << 4 | low]))


SCAN_OF_3 = sos(((1, 0), (2, 0), (3, 0)))
# Codes of AC: 0 the end of a block; 10000 to 11101 ends of 2^14 to 2^1 and more blocks; 11110 sixteen zeros.
ZERO_AC = dht(1, 0, {1: 1, 5: 15}, [0, *range(0xE0, 0, -0x10), 0xF0])
ZERO_TABLES = dht(0, 0, {1: 1, 3: 1}, [0, 8]) + ZERO_AC
FLAT_TABLES = dht(0, 0, {4: 12}, range(12)) + dht(1, 0, {8: 255}, range(255))
HEAD = SOI + dqt() + ZERO_TABLES


def blocks(width, height, sampling=0x11):
    """How many units of one component, whose sampling is the greatest."""
    return -(-width // (8 * (sampling >> 4))) * -(-height // (8 * (sampling & 15)))


def flat_scan(count):
    """`count` flat blocks after the zero tables."""
    return bytes(-(-2 * count // 8))


def pack(bits):
    """A string of 0 and 1 as entropy-coded bytes."""
    bits += "1" * (-len(bits) % 8)
    return int("1" + bits, 2).to_bytes(len(bits) // 8 + 1, "big")[1:].replace(b"\xff", b"\xff\0") if bits else b""


def number(value):
    """Size and bits of a coefficient."""
    size = abs(value).bit_length()
    return size, format(value if value > 0 else value + (1 << size) - 1, f"0{size}b") if size else ""


def block(dc, ac=()):
    """One block after the flat tables: the difference of its DC, then its first AC coefficients."""
    size, bits = number(dc)
    text = format(size, "04b") + bits
    for value in ac:
        size, bits = number(value)
        text += format(size, "08b") + bits if size else format(0xF0, "08b")
    return text + "0" * 8


def textured(width, height, seed, parts=1):
    """A scan of pictures that are not flat, after the flat tables."""
    draw = random.Random(seed)
    bits, levels = [], [0] * parts
    for _ in range(blocks(width, height)):
        for part in range(parts):
            level = draw.randrange(-500, 500)
            bits.append(block(level - levels[part], [draw.randrange(-60, 60) or 1 for _ in range(3)]))
            levels[part] = level
    return pack("".join(bits))


def picture(width=64, height=64, seed="picture", before=b"", parts=GREY):
    """An honest little JPEG."""
    scan = sos() if len(parts) == 1 else sos([(part[0], 0) for part in parts])
    return SOI + before + dqt((2,) * 64) + FLAT_TABLES + sof(width, height, parts) + scan + textured(width, height, seed, len(parts)) + EOI


def flat(width, height, parts=GREY, count=None):
    """A flat picture, all of it there."""
    scan = sos([(part[0], 0) for part in parts])
    units = blocks(width, height) * len(parts) if count is None else count
    return HEAD + sof(width, height, parts) + scan + flat_scan(units) + EOI
