"""What a Python service would do: decoders, hashers, indexes, and the routes from an upload to a verdict made of them."""

import ctypes
import functools
import io
import math
import pathlib
import subprocess
import tarfile

import cv2
import faiss
import numpy as np
import pdqhash
from PIL import Image

cv2.setNumThreads(1)
faiss.omp_set_num_threads(1)
RADIUS = 31


# Decoders: bytes to an array, height x width or height x width x 3.

def pillow(data):
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def pillow_draft(side, mode):
    def decode(data):
        image = Image.open(io.BytesIO(data))
        image.draft(mode, (side, side))
        return np.asarray(image.convert(mode))

    return decode


def opencv(flags):
    def decode(data):
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags | cv2.IMREAD_IGNORE_ORIENTATION)
        return pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)

    return decode


# Hashers: an array to 32 bytes.

def reference(pixels):
    """Meta's C++ through pdqhash."""
    return np.packbits(pdqhash.compute(rgb(pixels))[0].astype(np.uint8))


def reference_dihedral(pixels):
    return [np.packbits(bits.astype(np.uint8)) for bits in pdqhash.compute_dihedral(rgb(pixels))[0]]


def rgb(pixels):
    return np.ascontiguousarray(pixels if pixels.ndim == 3 else np.dstack([pixels] * 3))


def matrix(pixels):
    """PDQ as two products with constant matrices: the fastest there is in numpy. Not exact: the last bits may differ."""
    if pixels.ndim == 3:
        pixels = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    height, width = pixels.shape
    block = axis(height) @ pixels.astype(np.float32) @ axis(width).T
    bits = block > np.sort(block, axis=None)[127]
    return np.packbits(bits.reshape(-1)[::-1])


@functools.cache
def axis(side):
    """16 x side: two box filters, 64 samples of them, the cosine transform without its mean."""
    window = -(-side // 128)
    half = (window + 2) // 2
    samples = [(2 * i + 1) * side // 128 for i in range(64)]

    def box(at):
        return max(at - (window - half), 0), min(at + half, side)

    rows = np.zeros((64, side))
    for row, at in enumerate(samples):
        start, end = box(at)
        for inner in range(start, end):
            first, last = box(inner)
            rows[row, first:last] += 1 / (end - start) / (last - first)
    cosines = [[math.sqrt(2 / 64) * math.cos(math.pi / 128 * (i + 1) * (2 * j + 1)) for j in range(64)] for i in range(16)]
    return (np.array(cosines) @ rows).astype(np.float32)


def build_meta(below):
    """Meta's C++ from pdqhash's own source package, compiled for this machine, as a function of an array; None if that fails."""
    library = below / "meta.so"
    try:
        if not library.exists():
            source = below / "pdqhash-0.2.8"
            pip = [below / "venv/bin/pip", "download", "-q", "--disable-pip-version-check", "--no-deps"]
            subprocess.run([*pip, "--no-binary", "pdqhash", "-d", below, "pdqhash==0.2.8"], check=True)
            with tarfile.open(below / "pdqhash-0.2.8.tar.gz") as archive:
                archive.extractall(below, filter="data")
            code = source / "ThreatExchange/pdq/cpp"
            parts = ["hashing/pdqhashing.cpp", "hashing/torben.cpp", "downscaling/downscaling.cpp"]
            parts = [code / p for p in parts if (code / p).exists()]
            options = ["-O3", "-march=native", "-std=c++11", "-shared", "-fPIC", "-w", f"-I{source}/ThreatExchange"]
            here = pathlib.Path(__file__).parent
            subprocess.run(["g++", *options, here / "meta.cpp", *parts, "-o", library], check=True)
    except (subprocess.CalledProcessError, OSError) as error:
        print(f"Meta's C++ is left out: {error}")
        return None
    compiled = ctypes.CDLL(library)

    def meta(pixels):
        height, width, _ = pixels.shape
        out = np.zeros(16, np.uint16)
        compiled.meta_pdq(pixels.ctypes.data_as(ctypes.c_void_p), height, width, out.ctypes.data_as(ctypes.c_void_p))
        return out[::-1].astype(">u2").view(np.uint8)

    return meta


# Indexes that miss nothing within the radius: codes to a function that gives the distances of what is near.

def flat(codes):
    index = faiss.IndexBinaryFlat(256)
    index.add(codes)
    return lambda code: within(index.search(code[None], 1)[0][0])


def flat_range(codes):
    index = faiss.IndexBinaryFlat(256)
    index.add(codes)
    return lambda code: within(index.range_search(code[None], RADIUS + 1)[1])


def multi_hash(codes):
    """16 tables of 16 bits. 31 differing bits leave one of them with at most 1, and nflip=1 looks there too."""
    index = faiss.IndexBinaryMultiHash(256, 16, 16)
    index.nflip = 1
    index.add(codes)
    return lambda code: within(index.range_search(code[None], RADIUS + 1)[1])


def within(distances):
    return sorted(int(d) for d in distances if d <= RADIUS)


INDEXES = {"IndexBinaryFlat, nearest one": flat, "IndexBinaryFlat, range": flat_range, "IndexBinaryMultiHash 16x16, flip 1": multi_hash}


def route(decode, hasher, search):
    """From bytes to the distances of what is near."""
    return lambda data: search(hasher(decode(data)))
