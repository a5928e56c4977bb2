"""GIF: screens, frames, LZW codes and blocks that lie."""

import random
import struct


def screen(width, height, flags=0x80, background=0, version=b"89a"):
    palette = b"\0\0\0\xff\xff\xff" if flags == 0x80 else b""
    return b"GIF" + version + struct.pack("<HHBBB", width, height, flags, background, 0) + palette


def blocked(data):
    return b"".join(bytes([len(data[i : i + 255])]) + data[i : i + 255] for i in range(0, len(data), 255)) + b"\0"


def frame(width, height, data, left=0, top=0, flags=0, size=2, palette=b""):
    return b"\x2c" + struct.pack("<HHHHB", left, top, width, height, flags) + palette + bytes([size]) + blocked(data)


def control(dispose=0, transparent=None, delay=5):
    return b"\x21\xf9\x04" + struct.pack("<BHB", dispose << 2 | (transparent is not None), delay, transparent or 0) + b"\0"


def codes(values):
    """Codes with their widths, least significant bit first."""
    bits, length, out = 0, 0, bytearray()
    for value, width in values:
        bits |= value << length
        length += width
        while length >= 8:
            out.append(bits & 255)
            bits >>= 8
            length -= 8
    return bytes(out) + bytes([bits & 255])


def flat(count, size=2):
    """LZW of `count` zeros, in codes that grow by one pixel each."""
    clear, out = 1 << size, []
    while count > 0:
        width, following, run = size + 1, clear + 2, 1
        out.append((clear, width))
        out.append((0, width))
        count -= 1
        while count > 0 and following < 4096:
            run = min(run + 1, count)
            out.append((following if run == following - clear else clear + run if run > 1 else 0, width))
            count -= run
            following += 1
            if following == 1 << width and width < 12:
                width += 1
        if count > 0:
            out.append((clear, width))
    return codes(out + [(clear + 1, out[-1][1])])


PIXEL = b"\x44\x01"
END = b";"


def fill(put):
    sizes(put)
    lzw(put)
    frames(put)
    blocks(put)


def sizes(put):
    whole = flat(16384 * 6000)
    put(
        "gif-98-megapixels.gif",
        "16384 x 6000, complete, in few bytes",
        screen(16384, 6000) + frame(16384, 6000, whole) + END,
        (16384, 6000),
    )
    put(
        "gif-98-megapixels-interlaced.gif",
        "the same, interlaced",
        screen(16384, 6000) + frame(16384, 6000, whole, flags=0x40) + END,
        (16384, 6000),
    )
    put("gif-98-megapixels-no-data.gif", "16384 x 6000 and one pixel", screen(16384, 6000) + frame(16384, 6000, PIXEL) + END, (16384, 6000))
    put(
        "gif-98-megapixels-two-frames.gif",
        "two complete frames of 16384 x 6000",
        screen(16384, 6000) + (control(3, 1) + frame(16384, 6000, whole)) * 2 + END,
        (16384, 6000),
    )
    put(
        "gif-screen-large-frame-small.gif",
        "a screen of 16384 x 6000, a frame of one pixel",
        screen(16384, 6000) + frame(1, 1, PIXEL) + END,
        (16384, 6000),
    )
    put("gif-screen-empty.gif", "a screen of 0 x 0, a frame of 100 x 100", screen(0, 0) + frame(100, 100, flat(10000)) + END)
    put("gif-frame-empty.gif", "a frame of 0 x 0", screen(64, 64) + frame(0, 0, b"\x2c\0") + END, (64, 64))
    put("gif-frame-off-screen.gif", "a frame wholly outside the screen", screen(64, 64) + frame(64, 64, flat(4096), 1000, 1000) + END)
    put("gif-frame-at-65535.gif", "a frame at 65535, 65535", screen(64, 64) + frame(64, 64, flat(4096), 65535, 65535) + END)
    put(
        "gif-frame-second-larger.gif",
        "a small first frame, then one of 65535 x 65535",
        screen(64, 64) + frame(64, 64, flat(4096)) + frame(65535, 65535, PIXEL) + END,
        (64, 64),
    )
    put(
        "gif-frame-first-empty.gif",
        "an empty first frame, then one of 16384 x 6000",
        screen(64, 64) + frame(0, 64, PIXEL) + frame(16384, 6000, whole) + END,
    )
    put("gif-wide.gif", "16384 x 1", screen(16384, 1) + frame(16384, 1, flat(16384)) + END, (16384, 1))
    put("gif-tall-interlaced.gif", "1 x 16384, interlaced", screen(1, 16384) + frame(1, 16384, flat(16384), flags=0x40) + END, (1, 16384))


def lzw(put):
    def coded(name, what, data, size=2, side=256):
        put(f"gif-lzw-{name}.gif", what, screen(side, side) + frame(side, side, data, size=size) + END, (side, side))

    draw = random.Random("lzw")
    for size in (0, 1, 9, 11, 12, 255):
        coded(f"size-{size}", f"a code size of {size}", draw.randbytes(3000), size)
    coded("clear-storm", "2 MB of clear codes", codes([(4, 3)] * 8) * (1 << 19), 2)
    coded("beyond-table", "codes beyond the table", codes([(4, 3), (0, 3), (7, 3), (7, 3), (7, 4), (15, 4)] * 500))
    coded("no-clear", "no clear code at the start", codes([(0, 3), (6, 3), (7, 3)] * 900))
    coded("no-end", "all pixels, no end code", flat(65536)[:-2])
    coded("end-first", "an end code at once", codes([(4, 3), (5, 3)]))
    coded("longer-than-frame", "100 million pixels of code for a frame of 64 x 64", flat(100_000_000), side=64)
    coded("table-full", "a full table that is never cleared", codes([(4, 3), (0, 3)] + [(draw.randrange(4), 12)] * 40000))
    coded("random", "random bytes", draw.randbytes(60000))
    coded("colours-beyond-palette", "indices beyond the palette", codes([(256, 9)] + [(200, 9)] * 250 + [(257, 9)]), 8, 15)
    one = screen(256, 256) + b"\x2c" + struct.pack("<HHHHB", 0, 0, 256, 256, 0) + b"\x02"
    bytewise = b"".join(b"\x01" + bytes([b]) for b in flat(65536)) + b"\0"
    put("gif-lzw-bytewise.gif", "sub-blocks of one byte", one + bytewise + END, (256, 256))
    put(
        "gif-lzw-cut.gif",
        "half of the data, as browsers show it",
        (screen(256, 256) + frame(256, 256, draw.randbytes(30000), size=8))[:15000],
        (256, 256),
    )
    put("gif-lzw-cut-closed.gif", "half of the data and a trailer", screen(256, 256) + frame(256, 256, flat(30000)) + END, (256, 256))


def frames(put):
    pixel = frame(1, 1, PIXEL)
    put("gif-frames-100000.gif", "100,000 frames of one pixel", screen(16, 16) + pixel * 100_000 + END, (16, 16))
    put(
        "gif-frames-palettes.gif",
        "5000 frames with a palette of 256 each",
        screen(16, 16) + frame(1, 1, PIXEL, flags=0x87, palette=bytes(768)) * 5000 + END,
        (16, 16),
    )
    full = flat(1000 * 1000)
    put(
        "gif-frames-full-2000.gif",
        "2000 complete frames of 1000 x 1000",
        screen(1000, 1000) + (control(2) + frame(1000, 1000, full)) * 2000 + END,
        (1000, 1000),
    )
    put(
        "gif-frames-restore-1000.gif",
        "1000 frames that each restore the one before, 4000 x 3000",
        screen(4000, 3000) + (control(3, 0) + pixel) * 1000 + END,
        (4000, 3000),
    )
    put("gif-frames-empty-100000.gif", "100,000 frames of no pixels", screen(16, 16) + frame(0, 0, b"") * 100_000 + END, (16, 16))
    put(
        "gif-frames-off-screen-20000.gif",
        "20,000 frames outside the screen",
        screen(16, 16) + pixel + frame(65535, 1, PIXEL, 65535, 65535) * 20_000 + END,
    )
    put(
        "gif-frames-growing.gif",
        "each frame larger than the one before",
        screen(1, 1) + b"".join(frame(64 * i, 64 * i, PIXEL) for i in range(1, 200)) + END,
    )
    put("gif-disposal-7.gif", "disposal methods 4 to 7", screen(16, 16) + b"".join(control(d) + pixel for d in range(4, 8)) + END, (16, 16))
    put("gif-no-palette.gif", "no palette at all", screen(64, 64, 0) + frame(64, 64, flat(4096)) + END, (64, 64))
    put("gif-background-beyond.gif", "a background beyond the palette", screen(64, 64, 0x80, 255) + frame(8, 8, flat(64)) + END, (64, 64))
    put(
        "gif-transparent-beyond.gif",
        "a transparent index beyond the palette",
        screen(64, 64) + control(0, 255) + frame(64, 64, flat(4096)) + END,
        (64, 64),
    )


def blocks(put):
    picture = frame(64, 64, flat(4096))

    def built(name, what, before, behind=END):
        put(f"gif-{name}.gif", what, screen(64, 64) + before + picture + behind, (64, 64))

    built("extensions-million", "a million empty extensions", b"\x21\xfe\0" * 1_000_000)
    built("extension-unknown", "unknown extensions", b"".join(b"\x21" + bytes([label]) + blocked(b"x" * label) for label in range(256)))
    built("extension-endless", "an extension without a terminator", b"\x21\xfe" + (b"\xff" + b"!" * 255) * 16384)
    built("comment-2-megabytes", "a comment of 2 MB", b"\x21\xfe" + blocked(bytes(2 << 20)))
    built("comment-bytewise", "a comment of a million sub-blocks of one byte", b"\x21\xfe" + b"\1x" * 1_000_000 + b"\0")
    built("control-short", "a graphic control of one byte", b"\x21\xf9\1\0\0")
    built("control-100000", "100,000 graphic controls for one frame", control(3, 1) * 100_000)
    built("plain-text", "plain text extensions", (b"\x21\x01\x0c" + bytes(12) + blocked(b"text")) * 1000)
    built("application-nested", "an application block that holds frames", b"\x21\xff\x0bNETSCAPE2.0" + blocked(picture * 100))
    built("xmp-trailer", "XMP with the magic trailer cut", b"\x21\xff\x0bXMP DataXMP" + bytes(range(255, 100, -1)))
    built("zeros-4-million", "4 million stray terminators", bytes(4 << 20))
    built("garbage-between", "bytes that start no block", b"\x99\x98\x97" * 99)
    built("no-trailer", "no trailer", b"", b"")
    built("behind-2-megabytes", "2 MB behind the trailer", b"", END + random.Random("behind").randbytes(1 << 16) * 32)
    put(
        "gif-87a-with-extensions.gif",
        "version 87a with 89a extensions",
        screen(64, 64, version=b"87a") + control(0, 1) + picture + END,
        (64, 64),
    )
    put("gif-only-screen.gif", "a screen and a trailer", screen(64, 64) + END, (64, 64))
    put("gif-descriptor-cut.gif", "cut within a frame's descriptor", (screen(64, 64) + picture)[:22], (64, 64))
    put("gif-palette-cut.gif", "cut within the palette", screen(64, 64, 0x87)[:13] + bytes(99), (64, 64))
