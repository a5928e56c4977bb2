#!/usr/bin/env python3
"""Writes src/fingerprint/flat_codes.rs: what the reference library prints for flat pictures. Needs: pip install pdqhash numpy

Grey levels and the four straight gradients from 0 to 255, at the sizes below. Their coefficients are zero in truth, so the
codes are rounding noise: different for every size, and only a table can know them. Codes with fewer
than 96 bits are left out, since the set builder refuses those anyway.
"""

import importlib.metadata
import pathlib

import numpy as np
import pdqhash

SQUARES = [5, 6, 7, 8, 9, 10, 12, 15, 16, 20, 24, 31, 32, 33, 48, 50, 63, 64, 65, 80, 96, 100, 120, 127, 128, 129, 150, 160,
           180, 192, 200, 240, 255, 256, 257, 300, 320, 384, 400, 480, 500, 512, 600, 640, 720, 800, 1000, 1024, 2000]
OBLONG = [(640, 480), (800, 600), (1024, 768), (1280, 720), (1920, 1080)]


def code(grey):
    rgb = np.repeat(grey.astype(np.uint8)[:, :, None], 3, axis=2)
    bits, _ = pdqhash.compute(np.ascontiguousarray(rgb))
    return int("".join(str(int(b)) for b in bits), 2)


def flat(width, height):
    across = np.tile(np.arange(width) * 255 // (width - 1), (height, 1))
    down = np.tile((np.arange(height) * 255 // (height - 1))[:, None], (1, width))
    yield from (across, 255 - across, down, 255 - down)
    # Beyond one box filter of 3 pixels grey levels add nothing new above 96 bits; the large sizes take every 17th.
    for level in range(0, 256, 1 if width * height <= 129 * 129 else 17):
        yield np.full((height, width), level)


def main():
    sizes = [(n, n) for n in SQUARES] + OBLONG + [(h, w) for w, h in OBLONG]
    codes = {code(picture) for size in sizes for picture in flat(*size)}
    codes = sorted(c for c in codes if 96 <= c.bit_count() <= 128)
    version = importlib.metadata.version("pdqhash")
    lines = [
        f"//! Made by `tests/make_flat_codes.py` with pdqhash {version} on x86-64: {len(codes)} codes at {len(sizes)} sizes. Sorted.",
        "",
        "/// Upper and lower half of each code.",
        "#[rustfmt::skip]",
        f"pub(super) const FLAT: [[u128; 2]; {len(codes)}] = [",
    ]
    half = (1 << 128) - 1
    lines += [f"    [0x{c >> 128:032x}, 0x{c & half:032x}]," for c in codes]
    lines += ["];", ""]
    path = pathlib.Path(__file__).parent.parent / "src" / "fingerprint" / "flat_codes.rs"
    path.write_text("\n".join(lines))


if __name__ == "__main__":
    main()
