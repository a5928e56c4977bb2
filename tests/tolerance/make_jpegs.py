"""Makes JPEGs whose luma may differ from that of their colours: make_jpegs.py PICTURES OUT [SHARE]

PICTURES is ../shared/data. Each file's name begins with its class. The same arguments give the same files, as far as the
JPEG library is the same. SHARE is a part of all, such as 0.1: every tenth file, the same as if all were made.

One file in four has an EXIF orientation. 4:4:0 and 4:1:1 need `cjpeg`, of libjpeg-turbo; without it they are left out.
"""
import functools, io, pathlib, random, shutil, subprocess, sys
import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageEnhance, ImageFile, ImageFont

# A progressive file is written in one piece.
ImageFile.MAXBLOCK = 1 << 27

data, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
share = float(sys.argv[3]) if len(sys.argv) > 3 else 1.0
out.mkdir(parents=True, exist_ok=True)
rng = random.Random()
QUALITIES = [3, 5, 10, 20, 30, 40, 50, 60, 70, 75, 80, 85, 90, 92, 95, 98, 100]
FACTORS = {"4:4:0": "1x2", "4:1:1": "4x1"}
number = made = due = 0


def save(cls, name, draw, **options):
    """Draws a picture and encodes it with settings drawn by lot; or does neither, if the file is not due."""
    global number, made, due
    number += 1
    due += share
    if due < 1:
        return
    due -= 1
    # Each has lots of its own: it is the same whatever else is made.
    rng.seed(f"{cls} {number}")
    settings = {"quality": rng.choice(QUALITIES), "progressive": rng.random() < 0.3, "optimize": rng.random() < 0.3}
    if rng.random() < 0.2:
        settings["restart_marker_blocks"] = rng.randrange(1, 60)
    subsampling = rng.choice(["4:4:4", "4:2:2", "4:2:0"])
    orientation = rng.randrange(2, 9) if rng.random() < 0.25 else 1
    picture = draw()
    if picture.mode == "RGB" and not options.get("keep_rgb"):
        settings["subsampling"] = subsampling
    settings.update(options)
    coded = encode(picture, settings)
    if cls == "ycck":
        at = coded.index(b"Adobe") + 11
        assert coded[at] == 0
        coded = coded[:at] + b"\2" + coded[at + 1 :]
    if orientation > 1:
        coded = oriented(coded, orientation)
    label = settings.get("subsampling", picture.mode).replace(":", "") + (f"-o{orientation}" if orientation > 1 else "")
    (out / f"{cls}-{number:04}-{name}-q{settings['quality']}-{label}.jpg").write_bytes(coded)
    made += 1


def encode(picture, settings):
    buffer = io.BytesIO()
    if settings.get("subsampling") not in FACTORS:
        picture.save(buffer, "JPEG", **settings)
        return buffer.getvalue()
    picture.save(buffer, "PPM")
    # Without `-baseline` low qualities have tables of 16 bits, which Pillow does not write either.
    call = ["cjpeg", "-baseline", "-quality", str(settings["quality"]), "-sample", FACTORS[settings["subsampling"]]]
    call += ["-progressive"] * settings["progressive"] + ["-optimize"] * settings["optimize"]
    if blocks := settings.get("restart_marker_blocks"):
        call += ["-restart", f"{blocks}B"]
    return subprocess.run(call, input=buffer.getvalue(), stdout=subprocess.PIPE, check=True).stdout


def oriented(coded, orientation):
    """With an EXIF segment after the first one, which says how the picture is to be turned."""
    body = b"Exif\0\0MM\0*\0\0\0\x08" + b"\0\1\1\x12\0\3\0\0\0\1\0" + bytes([orientation]) + bytes(6)
    at = 4 + int.from_bytes(coded[4:6], "big")
    return coded[:at] + b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body + coded[at:]


@functools.lru_cache(4)
def opened(path):
    return Image.open(path).convert("RGB")


def sources(folder):
    """Names and paths of pictures that are no thinner than PDQ wants them."""
    for path in sorted((data / folder).rglob("*")):
        if path.suffix.lower() in {".jpg", ".jpeg", ".png", ".webp"} and min(Image.open(path).size) >= 5:
            yield path.stem.replace("-", "_"), functools.partial(opened, path)


def saturated(picture, times):
    return ImageEnhance.Color(picture).enhance(times)


PURE = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (0, 255, 255), (255, 0, 255), (255, 255, 255), (0, 0, 0)]


def flag(w, h):
    """Stripes, a cross, or a disc: what flags are made of."""
    picture = Image.new("RGB", (w, h), rng.choice(PURE))
    draw = ImageDraw.Draw(picture)
    kind = rng.randrange(4)
    if kind == 0:
        n = rng.randrange(2, 14)
        colours = rng.sample(PURE, rng.randrange(2, 4))
        for i in range(n):
            draw.rectangle([0, h * i // n, w, h * (i + 1) // n], fill=colours[i % len(colours)])
    elif kind == 1:
        n = rng.randrange(2, 5)
        for i in range(n):
            draw.rectangle([w * i // n, 0, w * (i + 1) // n, h], fill=rng.choice(PURE))
    elif kind == 2:
        t = rng.randrange(4, 1 + max(5, min(w, h) // 4))
        x, y = rng.randrange(w), rng.randrange(h)
        colour = rng.choice(PURE)
        draw.rectangle([x - t, 0, x + t, h], fill=colour)
        draw.rectangle([0, y - t, w, y + t], fill=colour)
    else:
        r = min(w, h) // rng.randrange(3, 6)
        draw.ellipse([w // 2 - r, h // 2 - r, w // 2 + r, h // 2 + r], fill=rng.choice(PURE))
    return picture


def logo(w, h):
    picture = flag(w, h)
    draw = ImageDraw.Draw(picture)
    for _ in range(rng.randrange(1, 12)):
        x, y = rng.randrange(w), rng.randrange(h)
        box = [x, y, x + rng.randrange(2, w // 2 + 3), y + rng.randrange(2, h // 2 + 3)]
        rng.choice([draw.rectangle, draw.ellipse])(box, fill=rng.choice(PURE))
    return picture


def neon(w, h):
    """Blocks of noise in the purest colours."""
    side = rng.choice([1, 2, 4, 8, 16, 32])
    noise = np.random.default_rng(rng.randrange(1 << 30))
    small = noise.integers(0, 2, ((h + side - 1) // side, (w + side - 1) // side, 3), dtype=np.uint8) * 255
    return Image.fromarray(np.kron(small, np.ones((side, side, 1), np.uint8))[:h, :w])


def text(w, h):
    paper, ink = rng.choice([((255, 255, 255), (255, 0, 0)), ((255, 255, 255), (0, 0, 255)), ((0, 0, 0), (255, 0, 0)),
                             ((0, 0, 255), (255, 255, 0)), ((255, 0, 0), (0, 0, 255)), ((255, 255, 255), (0, 160, 0))])
    picture = Image.new("RGB", (w, h), paper)
    draw = ImageDraw.Draw(picture)
    size = rng.choice([10, 14, 20, 32, 60])
    font = ImageFont.load_default(size)
    y = 4
    while y < h:
        words = " ".join("".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(rng.randrange(2, 10))) for _ in range(20))
        draw.text((4, y), words[: rng.randrange(10, 100)], fill=ink, font=font)
        y += size * rng.choice([1, 1, 1, 2])
    return picture


def gradient(w, h):
    a, b, c = (np.array(rng.choice(PURE), float) for _ in range(3))
    y, x = np.mgrid[0:h, 0:w]
    f, g = (x / w)[..., None], (y / h)[..., None]
    return Image.fromarray(np.clip(a * (1 - f) + b * f * (1 - g) + c * f * g, 0, 255).astype(np.uint8))


def ycck(picture):
    """What Pillow inverts and writes as the four colours of CMYK: luma and chroma of the inks, and no black. Its marker is
    mended in `save`."""
    planes = [ImageChops.invert(plane) for plane in ImageChops.invert(picture).convert("YCbCr").split()]
    return Image.merge("CMYK", [*planes, Image.new("L", picture.size, 0)])


def again(picture):
    """Already compressed once, and harder: what is passed on."""
    once = io.BytesIO()
    saturated(picture, 1.5).save(once, "JPEG", quality=30)
    return Image.open(once).convert("RGB")


def crafted(picture):
    """A picture in pink, and a pattern in its luma that nobody sees: where red is at its end anyway, luma can rise while
    chroma falls, and green and blue stay as they are."""
    light = np.asarray(picture.convert("L"), float) / 255
    green = blue = 130 + 70 * light
    noise = Image.fromarray(np.random.default_rng(rng.randrange(1 << 30)).integers(0, 256, (8, 8), np.uint8))
    rise = np.asarray(noise.resize(picture.size, Image.BICUBIC), float) / 255 * 40
    y = 0.299 * 255 + 0.587 * green + 0.114 * blue + rise
    cb = 128 + (blue - y) / 1.772
    cr = 128 + (y - green - 0.344136 * (cb - 128)) / 0.714136
    planes = [Image.fromarray(np.clip(np.round(p), 0, 255).astype(np.uint8)) for p in (y, cb, cr)]
    return Image.merge("YCbCr", planes)


def sized(draw):
    return draw(*rng.choice([(300, 200), (640, 480), (1000, 700), (128, 128), (517, 733), (1600, 900)]))


photos = list(sources("originals"))
for name, photo in photos:
    for _ in range(8):
        save("photo", name, photo)
for name, picture in sources("threatexchange"):
    for _ in range(6):
        save("reference", name, picture)
for name, photo in photos:
    for times in (1.5, 3, 3, 8):
        save(f"saturated{times}", name, lambda: saturated(photo(), times))
for name, photo in photos * 3:
    save("small", name, lambda: photo().resize((rng.randrange(8, 400), rng.randrange(8, 400))))
for name, photo in photos[::8]:
    save("large", name, lambda: photo().resize((4000, 3000), Image.BICUBIC))
    save("large", name, lambda: saturated(photo(), 2).resize((3000, 2000), Image.BICUBIC))
for name, photo in photos:
    save("grey", name, lambda: photo().convert("L"))
for name, photo in photos[::2]:
    save("cmyk", name, lambda: photo().convert("CMYK"))
    save("ycck", name, lambda: ycck(photo()))
    save("rgb", name, photo, keep_rgb=True)
    save("again", name, lambda: again(photo()))
for draw in (flag, logo, neon, text, gradient):
    for i in range(90):
        save(draw.__name__, i, lambda: sized(draw))
for name, photo in photos[:6]:
    save("crafted", name, lambda: crafted(photo()), quality=95, subsampling="4:4:4")
for i, colour in enumerate(PURE * 2):
    save("flat", i, lambda: Image.new("RGB", (200, 150), colour))
if shutil.which("cjpeg"):
    for name, photo in photos:
        for subsampling in FACTORS:
            save(subsampling.replace(":", ""), name, photo, subsampling=subsampling)
else:
    print("no cjpeg (Debian: libjpeg-turbo-progs): without 4:4:0 and 4:1:1")
print(made, "files")
