#!/usr/bin/env python3
"""Writes the containers in this folder, which tests/embedded.rs reads, and `expected.tsv`: what stands in each of them.

Needs: pip install pillow==13.0.0 img2pdf==0.6.3 reportlab==5.1.0 pikepdf==10.17.0 numpy; apt-get install libimage-exiftool-perl qpdf zip
The tests need none of these: the files are committed. Every picture is drawn here.

expected.tsv: file, pictures in order, reason for what was missed or `-`. A picture is `=name` if the container holds the bytes of the file
`name` in this folder, `~name` if it holds its pixels.
"""

import io
import pathlib
import subprocess
import zipfile

import img2pdf
import numpy as np
import pikepdf
from PIL import Image, ImageDraw
from reportlab.pdfgen import canvas

HERE = pathlib.Path(__file__).parent
DATE = (2026, 1, 1, 0, 0, 0)
expected = []


def drawing(seed, size=(48, 36), mode="RGB"):
    """Gradients and shapes, another for each seed."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0 : size[1], 0 : size[0]]
    planes = [(x * rng.integers(1, 5) + y * rng.integers(1, 5) + rng.integers(256)) % 256 for _ in range(3)]
    picture = Image.fromarray(np.stack(planes, axis=2).astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    for _ in range(4):
        a, b = sorted(rng.integers(0, size[0], 2).tolist()), sorted(rng.integers(0, size[1], 2).tolist())
        draw.ellipse([a[0], b[0], a[1] + 1, b[1] + 1], fill=tuple(rng.integers(0, 256, 3).tolist()))
    return picture.convert(mode)


def save(name, data):
    (HERE / name).write_bytes(data)


def note(name, pictures, missed="-"):
    expected.append(f"{name}\t{' '.join(pictures) or '-'}\t{missed}")


def encoded(picture, kind, **options):
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def run(*words):
    subprocess.run(words, check=True, cwd=HERE, stdout=subprocess.DEVNULL)


# The pictures themselves.
FILES = {
    "one.jpg": encoded(drawing(1), "JPEG", quality=80),
    "two.jpg": encoded(drawing(2, (40, 50)), "JPEG", quality=60, progressive=True),
    "grey.jpg": encoded(drawing(3, mode="L"), "JPEG", quality=80),
    "thumbnail.jpg": encoded(drawing(4, (32, 24)), "JPEG", quality=70),
    "rgb.png": encoded(drawing(5, (33, 26)), "PNG"),
    "grey.png": encoded(drawing(6, (33, 26), "L"), "PNG"),
    "palette.png": encoded(drawing(7, (33, 26)).quantize(200), "PNG"),
    "sixteen.png": encoded(drawing(8, (33, 26)).quantize(16), "PNG", bits=4),
    "bits.png": encoded(drawing(9, (33, 26)).convert("1"), "PNG"),
    "small.gif": encoded(drawing(10, (20, 20), "P"), "GIF"),
    "small.webp": encoded(drawing(11, (30, 20)), "WEBP", quality=50),
    "two-thousand.jp2": encoded(drawing(12, (32, 32)), "JPEG2000"),
}


def thumbnails():
    for order, name in [("II", "thumbnail-le.jpg"), ("MM", "thumbnail-be.jpg")]:
        save(name, encoded(drawing(20), "JPEG", quality=80))
        run("exiftool", "-q", "-overwrite_original", f"-ExifByteOrder={order}", "-Orientation#=1", "-ThumbnailImage<=thumbnail.jpg", name)
        note(name, ["=thumbnail.jpg"])
    exif = Image.open(HERE / "thumbnail-be.jpg").info["exif"]
    for name, kind in [("thumbnail.png", "PNG"), ("thumbnail.webp", "WEBP")]:
        save(name, encoded(drawing(21, (24, 24)), kind, exif=exif))
        note(name, ["=thumbnail.jpg"])
    for name in ["one.jpg", "rgb.png", "small.webp", "small.gif"]:
        note(name, [])


def archive(members, stream=False):
    """Members are (name, content, method)."""

    class Unseekable(io.RawIOBase):
        def __init__(self):
            self.data = bytearray()

        def writable(self):
            return True

        def write(self, data):
            self.data += data
            return len(data)

    out = Unseekable() if stream else io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for name, content, method in members:
            info = zipfile.ZipInfo(name, DATE)
            info.compress_type = method
            if stream:
                with file.open(info, "w") as member:
                    member.write(content)
            else:
                file.writestr(info, content)
    return bytes(out.data) if stream else out.getvalue()


def zips():
    stored, deflated = zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED
    members = [
        ("[Content_Types].xml", b"<?xml version='1.0'?><Types/>", deflated),
        ("word/", b"", stored),
        ("word/document.xml", b"<w:p>text and more text</w:p>" * 100, deflated),
        ("word/media/image1.jpeg", FILES["one.jpg"], stored),
        ("word/media/image2.png", FILES["rgb.png"], deflated),
        ("word/media/notes.txt", FILES["two.jpg"], deflated),
        ("word/media/image3.gif", FILES["small.gif"], stored),
        ("word/media/image4.webp", FILES["small.webp"], deflated),
    ]
    pictures = ["=one.jpg", "=rgb.png", "=two.jpg", "=small.gif", "=small.webp"]
    plain = archive(members)
    save("office.docx", plain)
    note("office.docx", pictures)
    save("streamed.zip", archive(members, stream=True))
    note("streamed.zip", pictures)
    # Without a directory, and with one that says the archive is empty.
    save("no-directory.zip", plain[: plain.index(b"PK\x01\x02")])
    note("no-directory.zip", pictures)
    streamed = archive(members, stream=True)
    save("no-directory-streamed.zip", streamed[: streamed.index(b"PK\x01\x02")])
    note("no-directory-streamed.zip", pictures)
    save("hidden.zip", plain[: plain.index(b"PK\x01\x02")] + b"PK\x05\x06" + bytes(18))
    note("hidden.zip", pictures)
    save("text.zip", archive([("a.txt", b"nothing to see", deflated), ("b.txt", b"", stored)]))
    note("text.zip", [])
    save("nothing.zip", archive([]))
    note("nothing.zip", [])
    inner = archive([("one.jpg", FILES["one.jpg"], deflated)])
    save("nested.zip", archive([("inner.zip", inner, stored), ("two.jpg", FILES["two.jpg"], stored)]))
    note("nested.zip", ["=two.jpg"], "unsupported")
    save("methods.zip", archive([("a.jpg", FILES["one.jpg"], zipfile.ZIP_LZMA), ("b.jpg", FILES["two.jpg"], deflated)]))
    note("methods.zip", ["=two.jpg"], "unsupported")
    (HERE / "encrypted.zip").unlink(missing_ok=True)
    run("zip", "-q", "-X", "-P", "secret", "encrypted.zip", "one.jpg")
    note("encrypted.zip", [], "unsupported")


def image(pdf, data, width, height, bits, space, **more):
    return pikepdf.Stream(pdf, data, Type=pikepdf.Name.XObject, Subtype=pikepdf.Name.Image, Width=width, Height=height,
                          BitsPerComponent=bits, ColorSpace=space, **more)


def with_images(name, images, **options):
    """A page for each image; `images` is a function from a file to them."""
    pdf = pikepdf.new()
    for stream in images(pdf):
        page = pdf.add_blank_page(page_size=(100, 100))
        page.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(I=pdf.make_indirect(stream)))
        page.Contents = pdf.make_stream(b"q 100 0 0 100 0 0 cm /I Do Q")
    pdf.save(HERE / name, compress_streams=False, stream_decode_level=pikepdf.StreamDecodeLevel.none, static_id=True, **options)


def bare(pdf):
    """Pixels without predictors, in each layout that is read."""
    name, array = pikepdf.Name, pikepdf.Array
    rgb, grey = Image.open(HERE / "rgb.png"), Image.open(HERE / "grey.png")
    palette, sixteen, bits = (Image.open(HERE / f"{n}.png") for n in ("palette", "sixteen", "bits"))
    flate = {"Filter": name.FlateDecode}
    icc = pdf.make_indirect(pikepdf.Stream(pdf, b"not a real profile", N=3))
    grey_icc = pdf.make_indirect(array([name.ICCBased, pdf.make_indirect(pikepdf.Stream(pdf, b"nor this", N=1))]))

    def deflated(data):
        import zlib

        return zlib.compress(data, 9)

    def nibbles(picture):
        rows = np.asarray(picture)
        rows = np.pad(rows, ((0, 0), (0, rows.shape[1] % 2)))
        return (rows[:, 0::2] * 16 + rows[:, 1::2]).astype(np.uint8).tobytes()

    size = rgb.size
    yield image(pdf, rgb.tobytes(), *size, 8, name.DeviceRGB)
    yield image(pdf, deflated(rgb.tobytes()), *size, 8, array([name.ICCBased, icc]), **flate)
    yield image(pdf, deflated(grey.tobytes()), *size, 8, name.DeviceGray, **flate)
    yield image(pdf, deflated(grey.tobytes()), *size, 8, grey_icc, **flate)
    colours = bytes(palette.getpalette()[: 3 * 200])
    indexed = array([name.Indexed, name.DeviceRGB, len(colours) // 3 - 1, pikepdf.String(colours)])
    yield image(pdf, deflated(palette.tobytes()), *size, 8, indexed, **flate)
    colours = bytes(sixteen.getpalette()[: 3 * 16])
    indexed = array([name.Indexed, name.DeviceRGB, len(colours) // 3 - 1, pikepdf.String(colours)])
    yield image(pdf, deflated(nibbles(sixteen)), *size, 4, indexed, **flate)
    yield image(pdf, bits.tobytes().hex().encode() + b">", *size, 1, name.DeviceGray, Filter=name.ASCIIHexDecode)


def odd(pdf):
    """What is there and is not read: CMYK, inverted values, a filter that is not taken off. And what is no picture: a stencil."""
    name, array = pikepdf.Name, pikepdf.Array
    yield image(pdf, bytes(4 * 64), 8, 8, 8, name.DeviceCMYK)
    yield image(pdf, bytes(64), 8, 8, 8, name.DeviceGray, Decode=array([1, 0]))
    yield image(pdf, b"\x80", 8, 8, 8, name.DeviceGray, Filter=name.RunLengthDecode)
    yield pikepdf.Stream(pdf, bytes(8), Type=name.XObject, Subtype=name.Image, Width=8, Height=8, ImageMask=True)
    yield image(pdf, FILES["one.jpg"], 48, 36, 8, name.DeviceRGB, Filter=name("/DCTDecode"))


def pdfs():
    drawing(1).save(HERE / "pillow.pdf", quality=80)
    # Pillow encodes it anew, with the same options.
    note("pillow.pdf", ["~one.jpg"])
    names = ["one.jpg", "two.jpg", "rgb.png", "grey.png", "palette.png", "sixteen.png", "bits.png"]
    save("img2pdf.pdf", img2pdf.convert([FILES[n] for n in names if n != "bits.png"], nodate=True))
    pictures = ["=one.jpg", "=two.jpg"] + [f"~{n}" for n in names[2:6]]
    note("img2pdf.pdf", pictures)
    page = canvas.Canvas(str(HERE / "reportlab.pdf"), invariant=1)
    for name in ["grey.jpg", "rgb.png"]:
        page.drawImage(str(HERE / name), 0, 0)
        page.showPage()
    page.save()
    note("reportlab.pdf", ["=grey.jpg", "~rgb.png"])
    run("qpdf", "--static-id", "--linearize", "--object-streams=generate", "img2pdf.pdf", "linearized.pdf")
    note("linearized.pdf", pictures)
    run("qpdf", "--static-id", "--static-aes-iv", "--encrypt", "", "owner", "256", "--", "img2pdf.pdf", "encrypted.pdf")
    note("encrypted.pdf", [], "unsupported")
    # The filter by its short name, with escapes, behind another, with a wrong length, and no cross references.
    import zlib

    deflated = zlib.compress(FILES["two.jpg"])
    save("hostile.pdf", b"%PDF-1.4\n1 0 obj<</Length 9/Fil#74er[/D#43T]>>stream\n" + FILES["one.jpg"]
         + b"\nendstream endobj 2 0 obj % comment\n<</Filter [/Fl /DCTDecode] /Length 99999999>> stream\r\n" + deflated
         + b"\r\nendstream\nendobj\n3 0 obj\n<</Filter 14 0 R/Subtype/Image>>\nstream\n" + FILES["grey.jpg"] + b"endstream\n"
         + b"14 0 obj [ /DCTDecode ] endobj startxref 999999999 %%EOF")
    note("hostile.pdf", ["=one.jpg", "=two.jpg", "=grey.jpg"])
    with_images("bare.pdf", bare)
    note("bare.pdf", [f"~{n}" for n in ["rgb.png", "rgb.png", "grey.png", "grey.png", "palette.png", "sixteen.png", "bits.png"]])
    with_images("odd.pdf", odd)
    note("odd.pdf", ["=one.jpg"], "unsupported")
    save("jpx.pdf", img2pdf.convert(FILES["two-thousand.jp2"], nodate=True))
    note("jpx.pdf", ["=two-thousand.jp2"])
    pdf = pikepdf.new()
    pdf.add_blank_page()
    pdf.attachments["notes.txt"] = b"only text"
    pdf.attachments["picture.bin"] = pikepdf.AttachedFileSpec(pdf, FILES["rgb.png"])
    pdf.save(HERE / "attached.pdf", static_id=True)
    note("attached.pdf", ["=rgb.png"])


for name, data in FILES.items():
    save(name, data)
thumbnails()
zips()
pdfs()
save("expected.tsv", ("\n".join(expected) + "\n").encode())
