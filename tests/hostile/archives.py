"""Containers: ZIP, office documents, PDF, gzip, tar. Pictures hidden in them, and bombs."""

import io
import struct
import zipfile
import zlib

from jpeg_parts import COLOUR, EOI, HEAD, SCAN_OF_3, picture, sof
from png import whole, zeros

JPEG_BOMB = HEAD + sof(16384, 6000, COLOUR) + SCAN_OF_3 + bytes(40000) + EOI


def zipped(files, method=zipfile.ZIP_DEFLATED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in files:
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return out.getvalue()


def local(name, packed, size, method=8, flags=0, crc=0, packed_size=None):
    sizes = (crc, len(packed) if packed_size is None else packed_size, size)
    return struct.pack("<4sHHHHHIIIHH", b"PK\3\4", 20, flags, method, 0, 0x21, *sizes, len(name), 0) + name + packed


def central(name, packed_size, size, offset, method=8, crc=0, flags=0):
    return (
        struct.pack(
            "<4sHHHHHHIIIHHHHHII", b"PK\1\2", 20, 20, flags, method, 0, 0x21, crc, packed_size, size, len(name), 0, 0, 0, 0, 0, offset
        )
        + name
    )


def end(count, size, offset, comment=b"", length=None):
    return struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, count, count, size, offset, len(comment) if length is None else length) + comment


def fill(put):
    zips(put)
    zip_lies(put)
    pdfs(put)
    streams(put)


def zips(put):
    jpeg = picture(200, 150, "inside")
    inside = [("word/media/image1.jpeg", jpeg)]
    put("zip-jpeg.zip", "a JPEG", zipped(inside))
    nested = jpeg
    for depth in range(60):
        nested = zipped([("a.jpg" if depth == 0 else "a.zip", nested)], zipfile.ZIP_STORED)
    put("zip-nested-60.zip", "a JPEG in sixty archives", nested)
    put("zip-in-zip.zip", "a JPEG of 16384 x 6000 in an archive in an archive", zipped([("a.zip", zipped([("a.jpg", JPEG_BOMB)]))]))
    put("zip-jpeg-bomb.zip", "a JPEG of 16384 x 6000", zipped([("a.jpg", JPEG_BOMB)]))
    put("zip-jpeg-bombs-200.zip", "200 JPEGs of 16384 x 6000", zipped([(f"{i}.jpg", JPEG_BOMB) for i in range(200)]))
    raw = zeros(1 << 30)[2:-4]
    name = b"a.png"
    gigabytes = raw[:-2] * 3 + raw[-2:]
    size = 0xC0300000
    put(
        "zip-3-gigabytes.zip",
        "3 GB of zeros named .png",
        local(name, gigabytes, size) + central(name, len(gigabytes), size, 0) + end(1, 51, len(gigabytes) + 35),
    )
    inner = zipped([("a.zip", local(name, gigabytes, size) + central(name, len(gigabytes), size, 0) + end(1, 51, len(gigabytes) + 35))])
    put("zip-3-gigabytes-nested.zip", "the same, packed once more", inner)
    put("zip-png-bombs.zip", "50 PNG whose data inflate to 1 GB", zipped([(f"{i}.png", whole(64, 64, zeros(1 << 30))) for i in range(50)]))
    put("zip-30000.zip", "30,000 empty files", zipped([(f"{i}", b"") for i in range(30000)]))
    put("zip-8000-pictures.zip", "8000 little pictures", zipped([(f"{i}.jpg", picture(8, 8)) for i in range(8000)], zipfile.ZIP_STORED))
    office = [("[Content_Types].xml", "<Types/>"), ("_rels/.rels", "<Relationships/>")]
    put(
        "docx-1000-pictures.docx",
        "an office document of 1000 pictures",
        zipped(office + [(f"word/media/image{i}.jpeg", picture(16, 16)) for i in range(1000)]),
    )
    put("docx-xml-bomb.docx", "an office document whose XML inflates to 128 MB", zipped(office + [("word/document.xml", bytes(1 << 27))]))


def zip_lies(put):
    jpeg = picture(64, 64, "lies")
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(jpeg) + packer.flush()
    name = b"a.jpg"
    entry = local(name, packed, len(jpeg))

    def lies(kind, what, directory, count=1, body=entry, tail=b"", **options):
        put(f"zip-{kind}.zip", what, body + directory + end(count, len(directory), len(body), **options) + tail)

    one = central(name, len(packed), len(jpeg), 0)
    lies("overlap", "30,000 entries that are the same bytes", one * 30000, 30000)
    lies("size-zero", "an entry that says it is empty", central(name, len(packed), 0, 0))
    lies("size-4-gigabytes", "an entry that says it is 4 GB", central(name, len(packed), 0xFFFFFFFF, 0))
    lies("packed-past-end", "packed data past the end", central(name, 0xFFFFFFF0, len(jpeg), 0))
    lies("offset-past-end", "an entry at 4 GB", central(name, len(packed), len(jpeg), 0xFFFFFFF0))
    lies("offset-in-directory", "an entry that is in the directory", central(name, len(packed), len(jpeg), len(entry)))
    lies("count-65535", "says 65535 entries, has one", one, 65535)
    lies("method-99", "an unknown method", central(name, len(packed), len(jpeg), 0, 99))
    lies(
        "encrypted",
        "an entry that says it is encrypted",
        central(name, len(packed), len(jpeg), 0, 8, 0, 1),
        body=local(name, packed, len(jpeg), flags=1),
    )
    lies("names-differ", "another name in the directory", central(b"b.zip", len(packed), len(jpeg), 0))
    lies("name-climbs", "a name that climbs out", central(b"../../../../etc/passwd.jpg", len(packed), len(jpeg), 0))
    lies("name-64-kilobytes", "a name of 64 kB", central(b"n" * 65000 + b".jpg", len(packed), len(jpeg), 0))
    lies("comment-past-end", "a comment longer than the file", one, length=65535)
    lies("comment-of-ends", "a comment full of directory ends", one, comment=b"PK\5\6" * 16000)
    lies("bytes-behind", "4 MB behind the directory", one, tail=bytes(4 << 20))
    put("zip-no-directory.zip", "no directory", entry * 100)
    put(
        "zip-64.zip",
        "zip64 with counts of 2^64 - 1",
        entry
        + one
        + b"PK\6\6"
        + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, *[0xFFFFFFFFFFFFFFFF] * 4)
        + b"PK\6\7"
        + struct.pack("<IQI", 0, len(entry) + len(one), 1)
        + end(0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF),
    )
    put(
        "zip-streamed.zip",
        "sizes in a descriptor behind the data",
        local(name, packed, 0, flags=8, packed_size=0)
        + b"PK\7\x08"
        + bytes(12)
        + central(name, len(packed), len(jpeg), 0, flags=8)
        + end(1, 51, len(entry) + 16),
    )
    put(
        "zip-stream-cut.zip",
        "packed data that ends early",
        local(name, packed[:50], len(jpeg)) + central(name, 50, len(jpeg), 0) + end(1, 51, 85),
    )


def pdf(*objects, tail=b"trailer<</Root 1 0 R>>\n%%EOF\n"):
    return b"%PDF-1.7\n" + b"".join(b"%d 0 obj\n%s\nendobj\n" % (i + 1, o) for i, o in enumerate(objects)) + tail


def stream(dictionary, data, length=None):
    return b"<<%s/Length %d>>stream\n%s\nendstream" % (dictionary, len(data) if length is None else length, data)


def pdfs(put):
    image = b"/Type/XObject/Subtype/Image/Width 64/Height 64/ColorSpace/DeviceGray/BitsPerComponent 8/Filter/%s"
    catalogue = b"<</Type/Catalog/Pages 2 0 R>>"
    put("pdf-jpeg.pdf", "a JPEG", pdf(catalogue, stream(image % b"DCTDecode", picture(64, 64, "pdf"))))
    put("pdf-jpeg-bomb.pdf", "a JPEG of 16384 x 6000", pdf(catalogue, stream(image % b"DCTDecode", JPEG_BOMB)))
    put("pdf-jpegs-5000.pdf", "5000 JPEGs", pdf(catalogue, *[stream(image % b"DCTDecode", picture(8, 8))] * 5000))
    put("pdf-objects-100000.pdf", "100,000 objects", pdf(catalogue) + b"".join(b"%d 0 obj\n0\nendobj\n" % i for i in range(100_000)))
    put("pdf-length-lies.pdf", "a stream of 2^63 bytes", pdf(catalogue, stream(image % b"DCTDecode", picture(), 1 << 63)))
    put("pdf-length-negative.pdf", "a stream of -1 bytes", pdf(catalogue, stream(image % b"DCTDecode", picture(), -1)))
    put(
        "pdf-length-refers-to-itself.pdf",
        "a stream whose length is in itself",
        pdf(catalogue, b"<</Filter/DCTDecode/Length 2 0 R>>stream\n" + picture() + b"\nendstream"),
    )
    put("pdf-flate-bomb.pdf", "a stream that inflates to 1 GB", pdf(catalogue, stream(image % b"FlateDecode", zeros(1 << 30))))
    put(
        "pdf-flate-chain.pdf",
        "a stream packed twenty times",
        pdf(catalogue, stream(b"/Filter[" + b"/FlateDecode" * 20 + b"]", zlib.compress(bytes(99)))),
    )
    put(
        "pdf-filters-100000.pdf",
        "100,000 filters before the JPEG's",
        pdf(catalogue, stream(b"/Filter[" + b"/ASCIIHexDecode" * 100_000 + b"/DCTDecode]", picture())),
    )
    put(
        "pdf-object-stream.pdf",
        "an object stream of 4 billion objects",
        pdf(catalogue, stream(b"/Type/ObjStm/N 4294967295/First 0/Filter/FlateDecode", zlib.compress(b"1 0 " * 999))),
    )
    put("pdf-nested-brackets.pdf", "a million open brackets", pdf(b"<</A" + b"[" * 1_000_000))
    put("pdf-nested-dictionaries.pdf", "half a million open dictionaries", pdf(b"<</A" * 500_000))
    put(
        "pdf-cross-reference-loop.pdf",
        "a cross reference that precedes itself",
        b"%PDF-1.7\nxref\n0 1\n0000000000 65535 f \ntrailer<</Prev 9/Root 1 0 R>>\nstartxref\n9\n%%EOF",
    )
    put("pdf-string-open.pdf", "a string that never closes", pdf(b"(" + b"\\(" * 1_000_000))
    put("pdf-streams-open.pdf", "100,000 stream keywords and no end", pdf(b"<</Length 9>>stream\n" * 100_000))
    put("pdf-dct-keywords.pdf", "200,000 JPEG filters without a stream", pdf(b"/DCTDecode " * 200_000))
    put("pdf-jpeg-starts.pdf", "half a million JPEG starts in one stream", pdf(stream(image % b"DCTDecode", b"\xff\xd8\xff\xe0" * 500_000)))


def streams(put):
    raw = zeros(1 << 30)[2:-4]
    put("gzip-bomb.gz", "1 GB of zeros", b"\x1f\x8b\x08\0\0\0\0\0\0\3" + raw + bytes(8))
    put(
        "tar-jpeg.tar",
        "a tar whose file says 8 GB",
        b"a.jpg".ljust(100, b"\0")
        + b"0000644\0" * 3
        + b"77777777777\0"
        + b"0" * 12
        + b"        0".ljust(101, b"\0")
        + b"ustar\x0000".ljust(255, b"\0")
        + picture(),
    )
    put("rar-head.rar", "the head of a RAR and noise", b"Rar!\x1a\7\1\0" + bytes(range(256)) * 99)
