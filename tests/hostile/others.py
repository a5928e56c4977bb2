"""What is named only, files that are two things at once, and text."""

import random
import struct

from archives import JPEG_BOMB, pdf, zipped
from gif import END, PIXEL, frame, screen
from jpeg_parts import picture, segment
from png import chunk, little


def fill(put):
    named(put)
    polyglots(put)
    texts(put)


def box(kind, body=b"", length=None):
    return struct.pack(">I", len(body) + 8 if length is None else length) + kind + body


def named(put):
    png, noise = little(), random.Random("named").randbytes(5000)
    entry = struct.pack("<BBBBHHII", 0, 0, 0, 0, 1, 32, len(png), 22)
    put("ico-png.ico", "an icon that is a PNG", b"\0\0\1\0\1\0" + entry + png)
    put("ico-65535.ico", "an icon of 65535 entries", b"\0\0\1\0\xff\xff" + entry * 9)
    put(
        "ico-within-itself.ico",
        "an icon whose entry is the file",
        b"\0\0\1\0\1\0" + struct.pack("<BBBBHHII", 0, 0, 0, 0, 1, 32, 0xFFFFFFFF, 0) + png,
    )
    put("cur-offset.cur", "a cursor at 4 GiB", b"\0\0\2\0\1\0" + struct.pack("<BBBBHHII", 0, 0, 0, 0, 1, 32, 9, 0xFFFFFFFF))
    put("psd-300000.psd", "Photoshop, 300,000 squared", b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 56, 300000, 300000, 32, 3) + noise)
    put("avif-noise.avif", "AVIF with noise inside", box(b"ftyp", b"avif\0\0\0\0mif1") + box(b"meta", noise) + box(b"mdat", noise))
    put("avif-brands.avif", "300,000 brands", box(b"ftyp", b"mif1\0\0\0\0" + b"junk" * 300_000))
    put("heic-box-zero.heic", "boxes of length 0", box(b"ftyp", b"heic\0\0\0\0") + box(b"meta", noise, 0))
    put("mp4-box-2-64.mp4", "a box of 2^64 - 1 bytes", box(b"ftyp", b"isom\0\0\0\0") + struct.pack(">I", 1) + b"moov" + b"\xff" * 8 + noise)
    put(
        "mp4-boxes-nested.mp4",
        "100,000 boxes in one another",
        box(b"ftyp", b"isom\0\0\0\0") + b"".join(struct.pack(">I", 8 * (100_000 - i)) + b"moov" for i in range(100_000)),
    )
    put("jxl-noise.jxl", "JPEG XL, noise", b"\xff\x0a" + noise)
    put("jp2-noise.jp2", "JPEG 2000, noise", b"\0\0\0\x0cjP  \r\n\x87\n" + noise)
    put("webm-size-unknown.webm", "a Matroska header of unknown size", b"\x1a\x45\xdf\xa3\x01\xff\xff\xff\xff\xff\xff\xff" + noise)
    put("avi-riff.avi", "AVI of 4 GB", b"RIFF\xff\xff\xff\xffAVI LIST" + noise)
    put("ogg-pages.ogg", "100,000 empty Ogg pages", (b"OggS\0\0" + bytes(20) + b"\0") * 100_000)
    put("exr-head.exr", "OpenEXR, which we do not decode", b"\x76\x2f\x31\x01\2\0\0\0" + noise)
    put("farbfeld.ff", "farbfeld of 2^32 - 1 squared", b"farbfeld" + b"\xff" * 8 + noise)
    put("pnm-large.ppm", "PPM of 10^9 squared", b"P6\n1000000000 1000000000\n255\n" + noise)
    put("qoi-large.qoi", "QOI of 2^32 - 1 squared", b"qoif" + b"\xff" * 8 + b"\4\0" + noise)
    put("tga-large.tga", "TGA of 65535 squared", b"\0\0\x0a" + bytes(9) + b"\xff\xff\xff\xff\x20\0" + noise)
    put("dds-large.dds", "DDS of 2^32 - 1 squared", b"DDS \x7c\0\0\0" + b"\xff" * 120 + noise)
    put("hdr-large.hdr", "Radiance of 10^9 squared", b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 1000000000 +X 1000000000\n" + noise)
    put("hole-90-megabytes.bin", "a hole of 90 MB", b"", length=90 << 20)


def polyglots(put):
    jpeg, png = picture(200, 150, "both"), little()
    put("both-gif-script.gif", "a GIF that is a script", b"GIF89a/*" + frame(1, 1, PIXEL) + b"*/=1;alert(1)" + END)
    put("both-jpeg-pdf.jpg", "a JPEG with a PDF in its comment", picture(200, 150, "both", segment(0xFE, pdf(b"<<>>"))), (200, 150))
    put(
        "both-jpeg-html.jpg",
        "a JPEG with HTML in its comment",
        picture(200, 150, "both", segment(0xFE, b"<script>alert(1)</script>" * 2000)),
        (200, 150),
    )
    put("both-pdf-jpeg.pdf", "a PDF behind a kilobyte of JPEG header", b"\xff\xd7" + bytes(900) + pdf(jpeg))
    put("both-pdf-zip.pdf", "a PDF that is an archive", pdf(b"<<>>") + zipped([("a.jpg", JPEG_BOMB)]))
    put("both-png-zip.png", "a PNG that is an archive", png + zipped([("a.jpg", JPEG_BOMB)]), (64, 64))
    put("both-png-jpeg.png", "a PNG with a JPEG of 16384 x 6000 in a chunk", little(chunk(b"jpEg", JPEG_BOMB)), (64, 64))
    put("both-gif-zip.gif", "a GIF that is an archive", screen(8, 8) + frame(1, 1, PIXEL) + END + zipped([("a.jpg", jpeg)]), (8, 8))
    put("both-bmp-jpeg.bmp", "a BMP head in front of a JPEG", b"BM" + bytes(12) + b"\x28\0\0\0" + jpeg)
    put("both-riff.webp", "a WebP that says it is a wave as well", b"RIFF\x10\0\0\0WEBPWAVEfmt " + bytes(99))
    put("both-tiff-jpeg.tif", "a TIFF whose directory is a JPEG", b"II*\0\x08\0\0\0" + jpeg)
    put("both-mp4-jpeg.mp4", "a film head in front of a JPEG", box(b"ftyp", b"isom\0\0\0\0") + jpeg)
    put("both-text-jpeg.txt", "a line of text in front of a JPEG", b"hello\n" + jpeg)


def texts(put):
    laughs = "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 40))
    put("svg-laughs.svg", "a billion laughs", f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a0 "ha">{laughs}]><svg>&a39;</svg>'.encode())
    put("svg-nested.svg", "half a million groups in one another", b'<svg xmlns="http://www.w3.org/2000/svg">' + b"<g>" * 500_000)
    put(
        "svg-picture.svg", "a picture of 16384 x 6000 as data", b'<svg><image href="data:image/jpeg;base64,' + b"/9j/" * 5000 + b'"/></svg>'
    )
    put("svg-comments.svg", "300,000 comments before the root", b"<!---->" * 300_000 + b"<svg/>")
    put("text-no-end.txt", "1 MB of text in one line", b"x" * (1 << 20))
    put("text-utf8-cut.txt", "UTF-8 whose last character is cut", "é".encode() * 4000 + b"\xc3")
    put("text-utf8-overlong.txt", "overlong UTF-8", b"\xc0\xaf" * 4000)
    put("text-utf16.txt", "half a character of UTF-16", b"\xff\xfe\x41")
    put("html-data.html", "a page of pictures as data", b"<html>" + b'<img src="data:image/png;base64,iVBORw0KGgo=">' * 20000)
