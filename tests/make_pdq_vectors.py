#!/usr/bin/env python3
"""Makes the files that the PDQ tests compare with. Needs: pip install pdqhash pillow numpy

  make_pdq_vectors.py drawn                   writes tests/vectors/pdq.json: pictures drawn by formulas, for all languages
  make_pdq_vectors.py photographs FROM TO     hashes the pictures in FROM and 200 re-encodings of them; writes the decoded
                                              RGB as PNG and `vectors.jsonl` to TO (not for the repository: other people's pictures)

Hashes are made by pdqhash, Meta's C++ code through Python. The same seed gives the same choices; the bytes of
re-encoded pictures depend on Pillow's version, which does not matter, as both sides hash the PNG's pixels.
"""

import importlib.metadata
import io
import json
import pathlib
import random
import sys

import numpy as np
import pdqhash

HERE = pathlib.Path(__file__).parent


def to_hex(bits):
    return "%064x" % int("".join(str(int(b)) for b in bits), 2)


def reference(rgb):
    """Hash, quality and the eight dihedral hashes of an array of height x width x 3."""
    rgb = np.ascontiguousarray(rgb)
    bits, quality = pdqhash.compute(rgb)
    forms, dihedral_quality = pdqhash.compute_dihedral(rgb)
    return {
        "hash": to_hex(bits),
        "quality": int(quality),
        "dihedral": [to_hex(f) for f in forms],
        "dihedral_quality": int(dihedral_quality),
    }


# The drawings. x and y count from 0; all arithmetic is on whole numbers, `//` rounds down, results are taken modulo 256.

def noise(seed, count):
    """xorshift32 (shifts 13, 17, 5); the top byte of each state, after the step."""
    out = bytearray()
    for _ in range(count):
        seed ^= seed << 13 & 0xFFFFFFFF
        seed ^= seed >> 17
        seed ^= seed << 5 & 0xFFFFFFFF
        out.append(seed >> 24)
    return np.frombuffer(bytes(out), dtype=np.uint8)


def mix(x, y):
    """A number without pattern for a cell."""
    return ((x * 73856093 ^ y * 19349663) & 0xFFFFFFFF) * 2654435761 % 2**32 >> 24


FORMULAS = {
    "flat": "seed % 256",
    "horizontal": "x * 255 // (width - 1)",
    "vertical": "y * 255 // (height - 1)",
    "checkerboard": "255 * ((x // seed + y // seed) % 2)",
    "disc": "with dx = 2x + 1 - width, dy = 2y + 1 - height: 255 if 9 (dx^2 + dy^2) < min(width, height)^2 * 4 else 16",
    "blocks": "mix(x // seed, y // seed) where mix(a, b) = ((a * 73856093 xor b * 19349663) mod 2^32) * 2654435761 mod 2^32 >> 24",
    "text": "0 if y % 16 < 10 and x % 8 < 6 and mix(x // 8 * 64 + x // 2 % 4, y // 16 * 64 + y // 2 % 8) odd else 255",
    "hills": "(x * x // (width + seed) + y * y // (height + 7) + x * y // 256) // 2, red shifted by x // 3, blue by y // 5",
    "noise": "bytes of xorshift32 (13, 17, 5) from the seed: the top byte of each state after the step; one a pixel, rows first",
    "colour-noise": "the same, three a pixel: red, green, blue",
}


def draw(kind, width, height, seed):
    y, x = np.mgrid[0:height, 0:width].astype(np.int64)
    if kind == "flat":
        v = x * 0 + seed
    elif kind == "horizontal":
        v = x * 255 // (width - 1)
    elif kind == "vertical":
        v = y * 255 // (height - 1)
    elif kind == "checkerboard":
        v = 255 * ((x // seed + y // seed) % 2)
    elif kind == "disc":
        dx, dy = 2 * x + 1 - width, 2 * y + 1 - height
        v = np.where(9 * (dx * dx + dy * dy) < min(width, height) ** 2 * 4, 255, 16)
    elif kind == "blocks":
        v = mix(x // seed, y // seed)
    elif kind == "text":
        odd = mix(x // 8 * 64 + x // 2 % 4, y // 16 * 64 + y // 2 % 8) % 2 == 1
        v = np.where((y % 16 < 10) & (x % 8 < 6) & odd, 0, 255)
    elif kind == "hills":
        v = (x * x // (width + seed) + y * y // (height + 7) + x * y // 256) // 2
        return np.stack([v + x // 3, v, v + y // 5], axis=2).astype(np.uint8)
    elif kind == "noise":
        v = noise(seed, width * height).reshape(height, width).astype(np.int64)
    elif kind == "colour-noise":
        return noise(seed, width * height * 3).reshape(height, width, 3).copy()
    return np.repeat((v % 256).astype(np.uint8)[:, :, None], 3, axis=2)


SIZES = [(5, 5), (8, 8), (5, 64), (64, 5), (63, 64), (64, 64), (65, 33), (127, 128), (129, 130), (256, 256),
         (257, 200), (512, 512), (640, 480), (1000, 7), (7, 1000)]


def drawn():
    pictures = []
    for width, height in SIZES:
        for kind in FORMULAS:
            seeds = {"flat": [0, 127, 255], "checkerboard": [1, 8, 32], "blocks": [3, 16]}.get(kind, [20])
            for seed in seeds:
                pictures.append((kind, width, height, seed))
    pictures += [("noise", 4, 100, 20), ("noise", 100, 4, 20), ("hills", 1920, 1080, 20), ("disc", 1024, 768, 1)]
    lines = []
    for kind, width, height, seed in pictures:
        row = {"kind": kind, "width": width, "height": height, "seed": seed}
        row.update(reference(draw(kind, width, height, seed)))
        lines.append(json.dumps(row, separators=(",", ":")))
    head = {
        "what": "PDQ of drawn pictures; draw each by its formula and hash the RGB",
        "made_by": "tests/make_pdq_vectors.py drawn",
        "reference": "pdqhash " + importlib.metadata.version("pdqhash") + " (compute, compute_dihedral), x86-64 Linux",
        "drawing": "x, y from 0; whole numbers, // rounds down, results modulo 256, the same in red, green and blue unless said",
        "formulas": FORMULAS,
        "dihedral": ["original", "rot90", "rot180", "rot270", "flipx", "flipy", "flip_plus1", "flip_minus1"],
    }
    body = json.dumps(head, indent=1)[:-2] + ',\n "pictures": [\n  ' + ",\n  ".join(lines) + "\n ]\n}\n"
    (HERE / "vectors").mkdir(exist_ok=True)
    (HERE / "vectors" / "pdq.json").write_text(body)


def photographs(source, target):
    from PIL import Image

    target.mkdir(parents=True, exist_ok=True)
    random.seed(20)
    paths = sorted(p for p in source.iterdir() if p.suffix.lower() in (".jpg", ".png", ".webp"))
    with open(target / "vectors.jsonl", "w") as out:

        def put(name, picture, made):
            picture = picture.convert("RGB")
            picture.save(target / (name + ".png"), compress_level=1)
            row = {"file": name + ".png", "made": made, "width": picture.width, "height": picture.height}
            row.update(reference(np.asarray(picture)))
            out.write(json.dumps(row) + "\n")

        for path in paths:
            put(path.stem, Image.open(path), "decoded")
        for n in range(200):
            path = paths[n % len(paths)]
            picture = Image.open(path).convert("RGB")
            scale = random.choice([1, 1, 0.9, 0.75, 0.5, 0.31, 1.3])
            size = (max(5, round(picture.width * scale)), max(5, round(picture.height * scale)))
            if size != picture.size:
                picture = picture.resize(size, random.choice([Image.NEAREST, Image.BILINEAR, Image.LANCZOS]))
            kind = random.choice(["JPEG", "JPEG", "WEBP", "GIF", "grey"])
            quality = random.choice([10, 30, 50, 75, 90, 97])
            memory = io.BytesIO()
            if kind == "GIF":
                picture.quantize(random.choice([16, 64, 256])).save(memory, "GIF")
            elif kind == "grey":
                picture.convert("L").save(memory, "JPEG", quality=quality)
            else:
                picture.save(memory, kind, quality=quality)
            memory.seek(0)
            put(f"{n:03}-{path.stem}", Image.open(memory), f"{kind} quality {quality}, scale {scale}")


if __name__ == "__main__":
    if sys.argv[1:] == ["drawn"]:
        drawn()
    elif len(sys.argv) == 4 and sys.argv[1] == "photographs":
        photographs(pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]))
    else:
        sys.exit(__doc__)
