"""JPEG: scans, entropy-coded data and markers that lie; files that end early."""

import random

from jpeg_parts import *


def fill(put):
    scans(put)
    progressive(put)
    entropy(put)
    restarts(put)
    markers(put)
    cuts(put)


def scans(put):
    empty = sos()
    body = flat_scan(blocks(1000, 1000))
    put(
        "jpeg-scans-empty-1000.jpg",
        "1000 x 1000, a thousand scans without data",
        HEAD + sof(1000, 1000) + (empty + b"\0") * 1000 + body + EOI,
        (1000, 1000),
    )
    put(
        "jpeg-scans-full-1000.jpg",
        "1000 x 1000, a thousand complete scans of the same",
        HEAD + sof(1000, 1000) + (empty + body) * 1000 + EOI,
        (1000, 1000),
    )
    put("jpeg-scans-tiny-100000.jpg", "8 x 8, 100,000 scans", HEAD + sof(8, 8) + (empty + b"\0") * 100000 + EOI, (8, 8))
    separate = b"".join(sos(((part, 0),)) + flat_scan(blocks(7000, 7000)) for part in (1, 2, 3))
    put(
        "jpeg-scans-separate-49-megapixels.jpg",
        "7000 x 7000, one scan per component: all coefficients are kept",
        HEAD + sof(7000, 7000, COLOUR) + separate + EOI,
        (7000, 7000),
    )
    put("jpeg-scan-header-cut.jpg", "the file ends in a scan header", HEAD + sof(64, 64) + sos()[:6], (64, 64))
    put("jpeg-scan-before-frame.jpg", "the scan comes before the frame", HEAD + sos() + flat_scan(64) + sof(64, 64) + EOI, (64, 64))
    put(
        "jpeg-frame-twice.jpg",
        "a small frame, then one of 16384 x 6000, then the scan",
        HEAD + sof(8, 8) + sof(16384, 6000, COLOUR) + SCAN_OF_3 + flat_scan(64) + EOI,
        (16384, 6000),
    )
    put(
        "jpeg-frame-twice-small-last.jpg",
        "16384 x 6000, then a small frame",
        HEAD + sof(16384, 6000, COLOUR) + sof(8, 8) + sos() + flat_scan(64) + EOI,
        (16384, 6000),
    )
    put(
        "jpeg-frame-after-scan.jpg",
        "another, larger frame after the scan",
        HEAD + sof(64, 64) + sos() + flat_scan(64) + sof(8000, 8000, COLOUR) + SCAN_OF_3 + flat_scan(64) + EOI,
    )
    put(
        "jpeg-frame-within-scan.jpg",
        "a frame header in the middle of a scan",
        HEAD + sof(64, 64) + sos() + flat_scan(32) + sof(4000, 4000) + flat_scan(32) + EOI,
    )
    put("jpeg-frames-30000.jpg", "30,000 frame headers", HEAD + sof(64, 64) * 30000 + sos() + flat_scan(64) + EOI, (64, 64))
    put(
        "jpeg-frame-baseline-then-progressive.jpg",
        "a baseline frame with a scan, then a progressive one",
        HEAD + sof(64, 64) + sos() + flat_scan(64) + sof(64, 64, marker=0xC2) + sos(last=0) + flat_scan(64) + EOI,
        (64, 64),
    )


def eob_run(count):
    """Codes for AC scans that end many blocks at once: 2^n of them and as many more as n bits say, after the zero tables."""
    text = ""
    while count > 0:
        run = min(count, (1 << 15) - 1)
        n = run.bit_length() - 1
        text += format(0b10000 + 14 - n, "05b") + format(run - (1 << n), f"0{n}b") if n else "0"
        count -= run
    return pack(text)


def progressive(put):
    def scanned(width, height, scans, parts=GREY):
        return HEAD + sof(width, height, parts, 0xC2) + scans + EOI

    dc, small = sos(last=0), eob_run(blocks(1000, 1000))
    dc_bits = bytes(-(-blocks(1000, 1000) // 8))
    put(
        "jpeg-progressive-1100-scans.jpg",
        "1000 x 1000, 1100 AC scans of one end-of-band run each",
        scanned(1000, 1000, dc + dc_bits + (sos(first=1) + small) * 1100),
        (1000, 1000),
    )
    put(
        "jpeg-progressive-1100-refinements.jpg",
        "1000 x 1000, the same bit refined 1100 times",
        scanned(1000, 1000, dc + dc_bits + sos(first=1, low=1) + small + (sos(first=1, high=1) + small) * 1100),
        (1000, 1000),
    )
    put(
        "jpeg-progressive-1100-dc-refinements.jpg",
        "1000 x 1000, DC refined 1100 times",
        scanned(1000, 1000, dc + dc_bits + (sos(last=0, high=1) + b"\0") * 1100),
        (1000, 1000),
    )
    large = blocks(16384, 6000)
    put(
        "jpeg-progressive-98-megapixels.jpg",
        "16384 x 6000 in colour: 590 MB of coefficients",
        scanned(16384, 6000, sos(((1, 0), (2, 0), (3, 0)), last=0) + bytes(3 * large // 8), COLOUR),
        (16384, 6000),
    )
    put(
        "jpeg-progressive-98-megapixels-ac.jpg",
        "16384 x 6000 grey, 12 AC scans by end-of-band runs",
        scanned(16384, 6000, dc + bytes(large // 8) + (sos(first=1) + eob_run(large)) * 11),
        (16384, 6000),
    )
    put(
        "jpeg-progressive-20-megapixels.jpg",
        "5000 x 4000 in colour, DC only",
        scanned(5000, 4000, sos(((1, 0), (2, 0), (3, 0)), last=0) + bytes(3 * blocks(5000, 4000) // 8), COLOUR),
        (5000, 4000),
    )
    put(
        "jpeg-progressive-run-past-end.jpg",
        "an end-of-band run of 32767 blocks in a picture of 64",
        scanned(64, 64, dc + b"\0" * 8 + sos(first=1) + eob_run(32767)),
        (64, 64),
    )
    put(
        "jpeg-progressive-refine-first.jpg",
        "a refinement before what it refines",
        scanned(64, 64, sos(first=1, high=1) + eob_run(64) + dc + b"\0" * 8),
        (64, 64),
    )
    put("jpeg-progressive-ac-only.jpg", "no DC scan at all", scanned(64, 64, sos(first=1) + eob_run(64)), (64, 64))
    put(
        "jpeg-progressive-ac-of-three.jpg",
        "an AC scan of three components",
        scanned(64, 64, sos(((1, 0), (2, 0), (3, 0)), first=1) + eob_run(192), COLOUR),
        (64, 64),
    )
    put(
        "jpeg-progressive-last-before-first.jpg",
        "spectral selection 40 to 3",
        scanned(64, 64, sos(first=40, last=3) + eob_run(64)),
        (64, 64),
    )
    put(
        "jpeg-progressive-selection-255.jpg",
        "spectral selection 200 to 255",
        scanned(64, 64, sos(first=200, last=255) + eob_run(64)),
        (64, 64),
    )
    put(
        "jpeg-progressive-selection-64.jpg",
        "spectral selection 1 to 64: one past the block",
        scanned(64, 64, dc + b"\0" * 8 + sos(first=1, last=64) + random.Random(64).randbytes(999).replace(b"\xff", b"\x7f")),
        (64, 64),
    )
    put(
        "jpeg-progressive-dc-with-ac.jpg",
        "spectral selection 0 to 63 in a progressive frame",
        scanned(64, 64, sos() + flat_scan(64)),
        (64, 64),
    )
    put(
        "jpeg-progressive-shift-15.jpg",
        "successive approximation 15 to 15",
        scanned(64, 64, sos(last=0, high=15, low=15) + b"\x55" * 99 + sos(first=1, low=15) + b"\x55" * 99),
        (64, 64),
    )
    put(
        "jpeg-progressive-shift-13.jpg",
        "large coefficients shifted by 13: they overflow 16 bits",
        SOI
        + dqt((255,) * 64)
        + FLAT_TABLES
        + sof(64, 64, marker=0xC2)
        + sos(last=0, low=13)
        + pack("1011" + "1" * 11) * 64
        + sos(first=1, low=13)
        + pack("00001111" + "1" * 15) * 64
        + EOI,
        (64, 64),
    )
    put(
        "jpeg-progressive-shift-jumps.jpg",
        "refinement that goes from bit 9 to bit 2",
        scanned(64, 64, sos(last=0, low=9) + b"\0" * 8 + sos(last=0, high=9, low=2) + b"\xaa" * 8),
        (64, 64),
    )
    put(
        "jpeg-progressive-bands-apart.jpg",
        "63 AC scans of one coefficient each, last first",
        scanned(256, 256, dc + bytes(128) + b"".join(sos(first=k, last=k) + eob_run(1024) for k in range(63, 0, -1))),
        (256, 256),
    )
    put(
        "jpeg-baseline-selection.jpg",
        "spectral selection 5 to 9 in a baseline frame",
        HEAD + sof(64, 64) + sos(first=5, last=9) + flat_scan(64) + EOI,
        (64, 64),
    )
    put(
        "jpeg-baseline-shift.jpg",
        "successive approximation in a baseline frame",
        HEAD + sof(64, 64) + sos(high=3, low=13) + flat_scan(64) + EOI,
        (64, 64),
    )


def entropy(put):
    head = SOI + dqt((255,) * 64) + FLAT_TABLES

    def coded(name, what, bits, side=512):
        put(f"jpeg-{name}.jpg", what, head + sof(side, side) + sos() + bits + EOI, (side, side))

    coded(
        "dc-climbs",
        "DC grows by 2047 in each of 4096 blocks: past 16 bits, then past the samples",
        pack(("1011" + "1" * 11 + "0" * 8) * 4096),
    )
    coded("dc-falls", "DC falls by 2047 in each block", pack(("1011" + "0" * 11 + "0" * 8) * 4096))
    coded("ac-largest", "every coefficient 15 bits of ones", pack(("0000" + ("00001111" + "1" * 15) * 63) * 600))
    coded("ac-past-block", "runs of 15 zeros that leave the block", pack(("0000" + ("11110001" + "1") * 9) * 4096))
    coded("ac-zero-runs", "ZRL without end", pack("0000" + "11110000" * 40000))
    coded("bits-ones", "a scan of stuffed ff bytes", b"\xff\0" * 20000)
    coded("bits-random", "a scan of random bits", random.Random("bits").randbytes(40000).replace(b"\xff", b"\xff\0"))
    coded("bits-zero", "a scan of zeros ten times too long", bytes(1 << 20), 64)
    coded("bits-longer", "4 MB of scan for a picture of 64 blocks", b"\x5a" * (4 << 20), 64)


def restarts(put):
    def restarted(name, what, interval, scan, side=512):
        put(
            f"jpeg-restart-{name}.jpg",
            what,
            HEAD + segment(0xDD, struct.pack(">H", interval)) + sof(side, side) + sos() + scan + EOI,
            (side, side),
        )

    rst = [bytes([0xFF, 0xD0 + i]) for i in range(8)]
    restarted("missing", "an interval of 1, and no restart marker", 1, flat_scan(4096))
    restarted("wrong-order", "an interval of 1, markers in the wrong order", 1, b"".join(b"\0" + rst[(7 * i + 3) % 8] for i in range(4096)))
    restarted("too-many", "a megabyte of restart markers", 1, b"\0" + b"".join(rst) * 65536)
    restarted("same", "always the same marker", 1, (b"\0" + rst[0]) * 4096)
    restarted("65535", "an interval of 65535", 65535, flat_scan(4096))
    restarted("undeclared", "restart markers without an interval", 0, b"".join(b"\0" + rst[i % 8] for i in range(4096)))
    restarted("only", "two million restart markers instead of a scan, 8000 x 8000", 1, b"".join(rst) * 250000, 8000)
    change = segment(0xDD, b"\0\1")
    put(
        "jpeg-restart-changes.jpg",
        "another interval in the middle of the scan",
        HEAD + sof(512, 512) + sos() + flat_scan(999) + change + flat_scan(3097) + EOI,
        (512, 512),
    )
    put("jpeg-restart-outside.jpg", "restart markers between segments", SOI + b"".join(rst) * 1000 + flat(64, 64)[2:], (64, 64))
    put("jpeg-restart-interval-cut.jpg", "a restart interval of no bytes", HEAD + segment(0xDD, b"") + flat(64, 64)[len(HEAD) :], (64, 64))


def markers(put):
    whole = picture()
    put("jpeg-end-at-once.jpg", "an end marker right at the start", SOI + EOI + whole[2:], (64, 64))
    put("jpeg-end-in-scan.jpg", "an end marker in the middle of the scan, then the rest", whole[:-900] + EOI + whole[-900:], (64, 64))
    put("jpeg-starts-million.jpg", "a million start markers", SOI * 1_000_000 + whole[2:], (64, 64))
    put("jpeg-fill-4-megabytes.jpg", "4 MB of fill bytes before a marker", SOI + b"\xff" * (4 << 20) + whole[2:], (64, 64))
    put("jpeg-only-ff.jpg", "4 MB of ff", b"\xff\xd8" + b"\xff" * (4 << 20))
    put("jpeg-zeros-between.jpg", "a megabyte of zeros between segments", SOI + bytes(1 << 20) + whole[2:], (64, 64))
    put(
        "jpeg-garbage-between.jpg",
        "random bytes between segments",
        SOI + random.Random("between").randbytes(9999).replace(b"\xff", b"") + whole[2:],
        (64, 64),
    )
    put("jpeg-marker-zero.jpg", "marker ff 00 between segments", SOI + b"\xff\0" * 5000 + whole[2:], (64, 64))
    put(
        "jpeg-marker-reserved.jpg",
        "all reserved markers, each with an empty segment",
        SOI + b"".join(segment(m, b"") for m in range(2, 0xC0)) + whole[2:],
        (64, 64),
    )
    put("jpeg-marker-tem.jpg", "100,000 TEM markers, which have no length", SOI + b"\xff\x01" * 100000 + whole[2:], (64, 64))
    put("jpeg-length-zero.jpg", "segments of length 0 and 1", SOI + segment(0xE1, b"", 0) + segment(0xE1, b"", 1) + whole[2:], (64, 64))
    put("jpeg-length-past-end.jpg", "a segment that reaches past the end", whole[:-2] + segment(0xDB, b"abc", 65535), (64, 64))
    put(
        "jpeg-height-by-dnl.jpg",
        "height 0, given by DNL after the scan",
        HEAD + sof(64, 0) + sos() + flat_scan(64) + segment(0xDC, b"\0\x40") + EOI,
        (64, 0),
    )
    put(
        "jpeg-height-by-dnl-65535.jpg",
        "height 0, DNL says 65535",
        HEAD + sof(16384, 0) + sos() + flat_scan(64) + segment(0xDC, b"\xff\xff") + EOI,
        (16384, 0),
    )
    put(
        "jpeg-dnl-contradicts.jpg",
        "height 64, DNL says 6000",
        HEAD + sof(64, 64) + sos() + flat_scan(64) + segment(0xDC, b"\x17\x70") + EOI,
        (64, 64),
    )


def cuts(put):
    """Cut behind every structural part, bare and with an end marker spliced on: what browsers show and decoders may not."""
    whole = picture(256, 256)
    places = [at for at in range(2, len(whole) - 1) if whole[at] == 0xFF and whole[at + 1] not in (0, 0xFF)]
    scan = places[-2]
    ends = [("after-" + format(whole[at + 1], "02x") + f"-{i}", at + 4) for i, at in enumerate(places[:-1])]
    ends += [("at-scan-start", scan + 10), ("in-scan-quarter", scan + (len(whole) - scan) // 4), ("in-scan-late", len(whole) - 40)]
    for name, end in ends:
        put(f"jpeg-cut-{name}.jpg", f"cut at byte {end}", whole[:end], (256, 256), kind="jpeg-cut")
        put(
            f"jpeg-cut-{name}-closed.jpg",
            f"cut at byte {end}, end marker spliced on",
            whole[:end] + EOI,
            (256, 256),
            kind="jpeg-cut-closed",
        )
    put("jpeg-cut-98-megapixels.jpg", "16384 x 6000, cut after a tenth of the scan", flat(16384, 6000)[:40000], (16384, 6000))
    grown = picture(256, 256).replace(sof(256, 256), sof(8000, 8000))
    put("jpeg-cut-declared-larger.jpg", "says 8000 x 8000, holds the first 1024 blocks", grown, (8000, 8000))
