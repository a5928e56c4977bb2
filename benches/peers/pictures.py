"""Draws pictures with the statistics of a photograph, and lists of codes. Everything comes from a seed."""

import io

import numpy as np
from PIL import Image, ImageDraw

GRAIN = 6  # makes 2 bits a pixel of JPEG, as a photograph has


def draw(seed, width, height):
    """Detail at every scale (1/f), soft colours, hard edges, fine grain."""
    random = np.random.default_rng(seed)
    size, side = (width, height), min(width, height)
    luma = np.full((height, width), 120, np.float32)
    red, blue = np.zeros_like(luma), np.zeros_like(luma)
    for parts, amplitude in ((3, 45), (7, 28), (15, 18), (40, 11), (110, 7), (300, 4)):
        luma += octave(random, size, max(side // parts, 2), amplitude)
    for plane in (red, blue):
        plane += octave(random, size, side // 5, 25)
    shapes = Image.new("L", size, 128)
    pen = ImageDraw.Draw(shapes)
    for _ in range(24):
        x, y, r = random.integers(width), random.integers(height), random.integers(side // 40, side // 6)
        shade = int(random.integers(70, 190))
        if random.integers(2):
            pen.ellipse((x - r, y - r, x + r, y + r), fill=shade)
        else:
            pen.polygon([(int(x + r * dx), int(y + r * dy)) for dx, dy in random.uniform(-1, 1, (4, 2))], fill=shade)
    luma += np.asarray(shapes, np.float32) - 128
    del shapes, pen
    luma += random.standard_normal(luma.shape, np.float32) * np.float32(GRAIN)
    channels = (luma + red, luma - (red + blue) / 3, luma + blue)
    return Image.merge("RGB", [Image.fromarray(np.clip(c, 0, 255).astype(np.uint8)) for c in channels])


def octave(random, size, cell, amplitude):
    """Random values on a grid of `cell` pixels, smooth between."""
    grid = random.uniform(-amplitude, amplitude, (size[1] // cell + 2, size[0] // cell + 2)).astype(np.float32)
    return np.asarray(Image.fromarray(grid).resize(size, Image.Resampling.BICUBIC))


def png(seed, width, height):
    """Enlarged, with little detail: with grain, 50 megapixels would be longer than an upload may be."""
    small = draw(seed, width // 4, height // 4)
    file = io.BytesIO()
    small.resize((width, height), Image.Resampling.NEAREST).save(file, "PNG", compress_level=1)
    return file.getvalue()


def jpeg(image, progressive=False):
    """Quality 88, 4:2:0."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=88, subsampling=2, progressive=progressive)
    return file.getvalue()


def codes(seed, count):
    """Codes with 128 of 256 bits set, as in the PDQ hash of any picture without ties; 32 bytes a row."""
    random = np.random.default_rng(seed)
    half = np.tile(np.repeat(np.uint8([0, 1]), 128), (min(count, 100_000), 1))
    parts = [np.packbits(random.permuted(half, axis=1), axis=1) for _ in range(-(-count // len(half)))]
    return np.concatenate(parts)[:count]


def near(seed, code, bits):
    """A code `bits` (even) away, of the same weight."""
    random = np.random.default_rng(seed)
    out = np.unpackbits(code)
    for value in (0, 1):
        places = random.choice(np.flatnonzero(np.unpackbits(code) == value), bits // 2, replace=False)
        out[places] ^= 1
    return np.packbits(out)
