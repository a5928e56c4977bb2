"""JPEG: what stands around the picture. EXIF, profiles, comments, Adobe's marker, several pictures in one file."""

import random
import struct

from jpeg_parts import *


def fill(put):
    adobe(put)
    segments(put)
    exif(put)
    thumbnails(put)
    mixtures(put)


def adobe(put):
    for transform in (0, 1, 2, 255):
        marker = segment(0xEE, b"Adobe\0\x64\0\0\0\0" + bytes([transform]))
        for count in (1, 3, 4):
            parts = [(i + 1, 0x11, 0) for i in range(count)]
            put(
                f"jpeg-adobe-{transform}-of-{count}.jpg",
                f"Adobe transform {transform} with {count} components",
                picture(seed="adobe", before=marker, parts=parts),
                (64, 64),
            )
    put("jpeg-adobe-cut.jpg", "an Adobe marker that ends before its transform", picture(before=segment(0xEE, b"Adobe\0")), (64, 64))
    put(
        "jpeg-adobe-contradicts.jpg",
        "Adobe markers that contradict each other",
        picture(before=b"".join(segment(0xEE, b"Adobe\0\x64\0\0\0\0" + bytes([t])) for t in (2, 0, 1)), parts=COLOUR),
        (64, 64),
    )


def icc(number, count, body):
    return segment(0xE2, b"ICC_PROFILE\0" + bytes([number, count]) + body)


def segments(put):
    def before(name, what, data):
        put(f"jpeg-{name}.jpg", what, picture(before=data), (64, 64))

    before("app-1000-kinds", "a thousand APP segments", b"".join(segment(0xE0 + i % 16, b"x" * i) for i in range(1000)))
    before("app-200000", "200,000 empty APP segments", segment(0xEF, b"") * 200000)
    before("comments-200000", "200,000 empty comments", segment(0xFE, b"") * 200000)
    before("icc-255", "a profile in 255 chunks of 60 kB", b"".join(icc(i + 1, 255, bytes(60000)) for i in range(255)))
    before("icc-backwards", "the chunks of a profile in falling order", b"".join(icc(i, 200, bytes(99)) for i in range(200, 0, -1)))
    before("icc-missing-chunk", "a profile that lacks chunk 2", icc(1, 3, b"a") + icc(3, 3, b"c"))
    before("icc-same-chunk", "the same chunk of 60 kB a hundred times", icc(1, 255, bytes(60000)) * 100)
    before("icc-chunk-zero", "chunk 0 of 0", icc(0, 0, bytes(999)))
    before("icc-counts-differ", "chunks that disagree on their count", b"".join(icc(i, 300 - i, b"x") for i in range(50, 250)))
    before("jfif-thumbnail-lies", "a JFIF thumbnail of 255 x 255 in no bytes", segment(0xE0, b"JFIF\0\1\2\0\0\1\0\1\xff\xff"))
    before("jfif-cut", "a JFIF segment of five bytes", segment(0xE0, b"JFIF\0"))
    before(
        "xmp-extended",
        "extended XMP that announces 4 GiB",
        segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + b"0" * 32 + struct.pack(">II", 0xFFFFFFFF, 0xFFFFFF00) + bytes(999)),
    )
    before(
        "photoshop-blocks",
        "Photoshop resources whose length is 2^32 - 1",
        segment(0xED, b"Photoshop 3.0\0" + b"8BIM\4\x0c\0\0\xff\xff\xff\xff" + bytes(99)),
    )


def tiff(entries, tail=b"", following=0, order="<"):
    """An EXIF directory. Entries: tag, type, count, value or offset (the tail begins behind the directory)."""
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IH", 8, len(entries))
    return head + b"".join(struct.pack(order + "HHII", *entry) for entry in entries) + struct.pack(order + "I", following) + tail


def exif(put):
    def with_exif(name, what, body):
        put(f"jpeg-exif-{name}.jpg", what, picture(96, 64, before=segment(0xE1, b"Exif\0\0" + body)), (96, 64))

    with_exif("orientation-255", "orientation 255", tiff([(274, 3, 1, 255)]))
    with_exif("orientation-long", "orientation 6 as a LONG", tiff([(274, 4, 1, 6)]))
    with_exif("orientation-counted", "4 billion orientations", tiff([(274, 3, 0xFFFFFFFF, 6)]))
    with_exif("orientation-type-0", "orientation of a type that does not exist", tiff([(274, 0, 1, 6), (274, 77, 1, 6)]))
    with_exif("orientation-often", "4000 orientations, all different", tiff([(274, 3, 1, i % 9) for i in range(4000)]))
    with_exif("loop", "the next directory is this one", tiff([(274, 3, 1, 6)], following=8))
    with_exif(
        "loop-of-two", "two directories that follow each other", tiff([(34665, 4, 1, 26)], struct.pack("<HHHIII", 1, 34665, 4, 1, 8, 8), 26)
    )
    with_exif(
        "loop-within",
        "an EXIF directory that contains itself",
        tiff([(34665, 4, 1, 8), (34853, 4, 1, 8), (40965, 4, 1, 8), (330, 4, 1, 8)]),
    )
    with_exif("entries-65535", "a directory that says it has 65535 entries", b"II*\0\x08\0\0\0\xff\xff" + b"\x12\1\3\0\1\0\0\0\6\0\0\0")
    with_exif("offset-past-end", "a first directory at 4 GiB", b"II*\0\xff\xff\xff\xff")
    with_exif(
        "values-past-end", "values at the end of the address space", tiff([(271, 2, 0xFFFFFFF0, 0xFFFFFFF0), (282, 5, 0x20000000, 8)])
    )
    with_exif("overlap", "4000 texts of 60 kB, all the same bytes", tiff([(271, 2, 48000, 8)] * 4000))
    with_exif("empty", "nothing behind the identifier", b"")
    with_exif("wrong-order", "a byte order that does not exist", b"IM*\0\0\0\0\x08" + bytes(64))
    with_exif(
        "maker-note",
        "60 kB of random maker note",
        tiff([(34665, 4, 1, 26)], struct.pack("<HHHIII", 1, 37500, 7, 60000, 44, 0) + random.Random("note").randbytes(60000)),
    )
    two = segment(0xE1, b"Exif\0\0" + tiff([(274, 3, 1, 3)])) + segment(0xE1, b"Exif\0\0" + tiff([(274, 3, 1, 6)], order="<"))
    put("jpeg-exif-twice.jpg", "two EXIF segments that disagree", picture(96, 64, before=two), (96, 64))
    put(
        "jpeg-exif-200.jpg",
        "200 EXIF segments of 20 kB",
        picture(96, 64, before=segment(0xE1, b"Exif\0\0" + tiff([(274, 3, 1, 6)], bytes(20000))) * 200),
        (96, 64),
    )


def with_thumbnail(thumbnail, length=None, offset=None):
    first = tiff([(274, 3, 1, 1)], following=26)
    second = struct.pack("<H", 2) + struct.pack("<HHII", 513, 4, 1, 56 if offset is None else offset)
    second += struct.pack("<HHII", 514, 4, 1, len(thumbnail) if length is None else length) + struct.pack("<I", 0)
    return segment(0xE1, b"Exif\0\0" + first + second + thumbnail)


def thumbnails(put):
    def with_one(name, what, data):
        put(f"jpeg-thumbnail-{name}.jpg", what, picture(96, 64, before=data), (96, 64))

    bomb = HEAD + sof(16384, 6000, COLOUR) + SCAN_OF_3 + bytes(40000) + EOI
    with_one("98-megapixels", "a thumbnail that says 16384 x 6000", with_thumbnail(bomb))
    with_one("65535", "a thumbnail that says 65535 x 65535", with_thumbnail(HEAD + sof(65535, 65535) + sos() + bytes(99) + EOI))
    with_one(
        "progressive",
        "a progressive thumbnail of 600 scans",
        with_thumbnail(HEAD + sof(4000, 4000, marker=0xC2) + (sos(last=0) + bytes(40)) * 600 + EOI),
    )
    with_one("length-4-gigabytes", "a thumbnail whose length is 2^32 - 1", with_thumbnail(picture(), 0xFFFFFFFF))
    with_one("offset-4-gigabytes", "a thumbnail at 2^32 - 1", with_thumbnail(picture(), 99, 0xFFFFFFFF))
    with_one("is-the-directory", "a thumbnail that begins at the directory that names it", with_thumbnail(picture(), 999, 0))
    with_one(
        "is-png",
        "a PNG as thumbnail",
        with_thumbnail(b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR" + struct.pack(">II", 60000, 60000) + b"\x08\x02\0\0\0\0\0\0\0"),
    )
    nested = picture(16, 16)
    for _ in range(60):
        nested = picture(16, 16, before=with_thumbnail(nested))
    with_one("nested-60", "a thumbnail in a thumbnail, sixty deep", with_thumbnail(nested))
    with_one("100", "a hundred segments with a thumbnail each", with_thumbnail(HEAD + sof(2000, 2000) + sos() + bytes(15625) + EOI) * 100)
    with_one(
        "by-ten",
        "a directory that names ten thumbnails",
        segment(
            0xE1,
            b"Exif\0\0"
            + tiff(
                [(274, 3, 1, 1)],
                struct.pack("<H", 20)
                + (struct.pack("<HHII", 513, 4, 1, 272) + struct.pack("<HHII", 514, 4, 1, len(bomb))) * 10
                + struct.pack("<I", 26)
                + bomb,
                26,
            ),
        ),
    )


def mixtures(put):
    whole = picture(96, 64)

    def mpf(offset, count=2):
        entries = [(45056, 7, 4, 0x30303130), (45057, 4, 1, count), (45058, 7, 16 * count, 50)]
        rows = struct.pack("<IIIHH", 0, len(whole), 0, 0, 0) + struct.pack("<IIIHH", 0, 0xFFFFFFFF, offset, 0, 0)
        return segment(0xE2, b"MPF\0" + tiff(entries, rows))

    put("jpeg-mpf-loop.jpg", "a multi-picture index whose second picture is the first", picture(96, 64, before=mpf(0)) + whole, (96, 64))
    put("jpeg-mpf-past-end.jpg", "a second picture at 4 GiB", picture(96, 64, before=mpf(0xFFFFFFFE)), (96, 64))
    put("jpeg-mpf-many.jpg", "a multi-picture index of 4 billion", picture(96, 64, before=mpf(0, 0x0FFFFFFF)), (96, 64))
    put("jpeg-twice.jpg", "two pictures, one behind the other", whole + picture(2000, 16, "second"), (96, 64))
    put("jpeg-10000-behind.jpg", "10,000 little pictures behind the first", whole + picture(8, 8) * 10000, (96, 64))
    put("jpeg-30-megabytes-behind.jpg", "a hole of 30 MB behind the picture", whole, (96, 64), length=30 << 20)
    put("jpeg-hole.jpg", "a header of 8000 x 8000, then a hole of 60 MB", HEAD + sof(8000, 8000) + sos(), (8000, 8000), length=60 << 20)
    put("jpeg-hole-100-megabytes.jpg", "a hole of 100 MB: longer than an upload may be", whole, (96, 64), length=100 << 20)
