#!/usr/bin/env python3
"""Measures Tamis and its peers side by side; `run` prepares what this needs and starts it.

  peers.py [--quick] [DIRECTORY]      with drawn pictures, or with the JPEGs of a directory
  peers.py .. --only PART..           hash, decode, check, memory
  peers.py --memory WAY FILE          for itself: KiB that one decode-and-hash adds to a fresh process

Everything runs on one thread, in turns: A B C A B C .. Each turn gives the median of a few runs; a table shows the median and
the least over all turns, and the median of the ratios *of the same turn*. Time is CPU time of the process, all threads
together, so that neither a busy machine nor a hidden thread changes it much. What is computed is asserted before it is timed.
"""

import argparse
import pathlib
import statistics
import subprocess
import sys

import cv2
import numpy as np
from PIL import Image

import pictures
import routes
from turns import BELOW, Driver, alternate, isas, python, table

PICTURE, PLANTED, LIST = 301, 302, 303  # seeds
PARTS = ("hash", "decode", "check", "memory")
Image.MAX_IMAGE_PIXELS = None


def code(text):
    return np.frombuffer(bytes.fromhex(text), np.uint8)


def apart(a, b):
    return int(np.unpackbits(a ^ b).sum())


class Distances:
    """Checks hashes against the exact one, and remembers how far they were."""

    def __init__(self, exact, most):
        self.exact, self.most, self.notes = exact, most, {}

    def __call__(self, name, answer):
        distance = apart(code(answer) if isinstance(answer, str) else answer, self.exact)
        most = self.most(name)
        assert most is None or distance <= most, f"{name}: {distance} bits from the exact hash"
        self.notes[name] = f"{distance} bits" if distance else "same hash"


def hashing(title, image, drivers, meta, rounds):
    pixels = np.ascontiguousarray(image)
    height, width, _ = pixels.shape
    file = BELOW / "pixels.rgb"
    file.write_bytes(pixels.tobytes())
    shape = (file, width, height)
    ours, crates = {f"tamis {isa}": d.contender("hash", "tamis", *shape) for isa, d in drivers.items()}, next(iter(drivers.values()))
    theirs = {"pdqhash": python(routes.reference, pixels)}
    if meta:
        theirs["Meta's C++"] = python(meta, pixels)
    theirs["pdqhash crate"] = crates.contender("hash", "pdqhash-crate", *shape)
    theirs["pdqhash crate, shrunk first"] = crates.contender("hash", "pdqhash-crate-thumbnail", *shape)
    if (width, height) == (512, 512):
        try:
            crates.ask("hash", "yume", *shape, 1)
            theirs["yume-pdq (from ready luma)"] = crates.contender("hash", "yume", *shape)
        except RuntimeError:
            print("yume-pdq is left out: it was not built")
    exact = routes.reference(pixels)
    # Only Tamis promises equality; the crate is of the Java version's rounding, the others hash something else.
    check = Distances(exact, lambda name: 0 if name.startswith(("tamis", "pdqhash", "Meta")) and "crate" not in name else None)
    turns = alternate(ours | theirs, rounds, check)
    table(f"PDQ from RGB, {title}", turns, ["pdqhash", "Meta's C++"], check.notes)

    grey = np.asarray(image.convert("L"))
    plane = BELOW / "pixels.grey"
    plane.write_bytes(grey.tobytes())
    part = [side * 5 // 8 for side in (height, width)]
    top, left = (height - part[0]) // 2, (width - part[1]) // 2
    crop = routes.rgb(grey[top : top + part[0], left : left + part[1]])
    eight = sorted(h.tobytes().hex() for h in routes.reference_dihedral(pixels))
    expected = {"rectangle": routes.reference(crop), "luma": routes.reference(routes.rgb(grey))}

    def check_form(name, answer):
        if name.startswith("eight"):
            assert sorted(answer.split(",")) == eight, name
        else:
            kind = next((k for k in expected if name.startswith(k)), None)
            assert apart(code(answer), expected.get(kind, exact)) == 0, name

    forms = {}
    for isa, driver in drivers.items():
        forms[f"one, tamis {isa}"] = driver.contender("hash", "tamis", *shape)
        forms[f"eight, tamis {isa}"] = driver.contender("hash", "tamis-dihedral", *shape)
        forms[f"luma, tamis {isa}"] = driver.contender("hash", "tamis-luma", plane, width, height)
        forms[f"rectangle, tamis {isa}"] = driver.contender("hash", "tamis-rectangle", plane, width, height)
    dihedral = python(routes.reference_dihedral, pixels, answer=lambda all: ",".join(h.tobytes().hex() for h in all))
    turns = alternate(forms | {"eight, pdqhash": dihedral}, rounds, check_form)
    table(f"Eight forms; luma planes; a rectangle of 2/5 of the plane, {title}", turns, ["eight, pdqhash"])
    for isa in drivers:
        more = [e - o for e, o in zip(turns[f"eight, tamis {isa}"], turns[f"one, tamis {isa}"])]
        print(f"  eight hashes take {statistics.median(more) / 1000:.1f} us more than one, {isa}")


def decoding(title, file, driver, rows, rounds):
    data = file.read_bytes()
    exact = routes.reference(routes.pillow(data))
    contenders = {"zune-jpeg luma": ("zune-luma", 8), "zune-jpeg RGB": ("zune-rgb", 2), "image RGB": ("image", 2)}
    contenders |= {"jpeg-decoder RGB": ("jpeg-decoder", 2), "turbojpeg grey": ("turbojpeg-grey", 8), "turbojpeg RGB": ("turbojpeg-rgb", 2)}
    bounds = {name: bound for name, (_, bound) in contenders.items()}
    try:
        driver.ask("decode", "turbojpeg-grey", file, 1)
    except RuntimeError:
        print("turbojpeg is left out: it was not built")
        contenders = {name: way for name, way in contenders.items() if "turbo" not in name}
    all = {name: driver.contender("decode", way, file) for name, (way, _) in contenders.items()}
    for name, way in (("rc3 rows of Y, Cb, Cr", "rc-rows"), ("rc3 luma", "rc-luma"), ("rc3 RGB", "rc-rgb")):
        all[f"zune-jpeg {name}"] = rows.contender("decode", way, file)
    ways = PYTHON_DECODERS
    all |= {name: python(decode, data, answer=routes.reference) for name, decode in ways.items()}
    check = Distances(exact, lambda name: bounds.get(name, 2 if name in ("Pillow RGB", "OpenCV RGB") else None))
    size = Image.open(file).size
    width, height = map(int, rows.ask("luma", file, BELOW / "rows.grey")["answer"].split())
    assert (width, height) == size
    plane = np.fromfile(BELOW / "rows.grey", np.uint8).reshape(height, width)
    check("zune-jpeg rc3 rows of Y, Cb, Cr", routes.reference(plane))

    def checked(name, answer):
        # The release candidate cannot stand beside Tamis in one binary, so it answers only how many pixels it saw.
        if isinstance(answer, str) and answer.isdigit() and len(answer) < 32:
            assert int(answer) == width * height, name
        else:
            check(name, answer)

    turns = alternate(all, rounds, checked)
    table(f"JPEG decode, {title}, {len(data) / 1e6:.2f} MB", turns, ["zune-jpeg luma", "Pillow RGB"], check.notes)


PYTHON_DECODERS = {
    "Pillow RGB": routes.pillow,
    "Pillow draft 1024 RGB": routes.pillow_draft(1024, "RGB"),
    "Pillow draft 512 RGB": routes.pillow_draft(512, "RGB"),
    "Pillow draft 512 grey": routes.pillow_draft(512, "L"),
    "OpenCV RGB": routes.opencv(cv2.IMREAD_COLOR),
    "OpenCV grey": routes.opencv(cv2.IMREAD_GRAYSCALE),
    "OpenCV grey, 1/2": routes.opencv(cv2.IMREAD_REDUCED_GRAYSCALE_2),
    "OpenCV grey, 1/4": routes.opencv(cv2.IMREAD_REDUCED_GRAYSCALE_4),
}


def best_index(codes, planted, rounds):
    """The fastest of faiss's exact indexes on this list; each must find what was planted."""
    unknown = pictures.codes(LIST + 1, 1)[0]
    searches = {name: build(codes) for name, build in routes.INDEXES.items()}
    for name, search in searches.items():
        assert search(planted) == [10] and search(unknown) == [], name
    turns = alternate({n: python(s, unknown) for n, s in searches.items()}, rounds, lambda name, answer: None)
    table(f"faiss, one search among {len(codes):,} codes, nothing near", turns, [])
    best = min(turns, key=lambda name: statistics.median(turns[name]))
    return best, searches[best]


def checking(title, file, drivers, search, rounds, expected=()):
    """Upload to verdict. `expected`: the distances at which the exact hash finds entries."""
    data = file.read_bytes()
    ours = {f"tamis {isa}": driver.contender("check", file) for isa, driver in drivers.items()}
    grey = routes.pillow_draft(512, "L")
    ways = {
        "Pillow, pdqhash, faiss": (routes.pillow, routes.reference),
        "Pillow, matrix PDQ, faiss": (routes.pillow, routes.matrix),
        "Pillow draft 512, pdqhash, faiss": (grey, routes.reference),
        "Pillow draft 512, matrix PDQ, faiss": (grey, routes.matrix),
        "OpenCV grey 1/4, matrix PDQ, faiss": (PYTHON_DECODERS["OpenCV grey, 1/4"], routes.matrix),
    }
    exact = routes.reference(routes.pillow(data))
    notes = {name: f"hash {apart(h(d(data)), exact)} bits off" for name, (d, h) in ways.items()}

    def check(name, answer):
        if name.startswith("tamis"):
            outcome, reason, distances = answer.split(" ")
            assert (outcome, reason) == ("match" if expected else "clear", "-"), f"{title}, {name}: {answer}"
            answer = [] if distances == "-" else [int(d) for d in distances.split(",")]
            notes[name] = f"{outcome} {distances}"
        # Another decoder may move the exact hash by 2 bits.
        if name.startswith("tamis") or name == "Pillow, pdqhash, faiss":
            assert len(answer) == len(expected) and all(abs(a - e) <= 2 for a, e in zip(answer, expected)), f"{name}: {answer}"

    theirs = {name: python(routes.route(*way, search), data) for name, way in ways.items()}
    driver = next(iter(drivers.values()))
    parts = {"luma decode alone": driver.contender("decode", "zune-luma", file), "digest alone": driver.contender("digest", file)}
    turns = alternate(ours | theirs | parts, rounds, check)
    bases = ["Pillow, pdqhash, faiss", "Pillow draft 512, matrix PDQ, faiss"]
    table(f"Upload to verdict, {title}", turns, bases, notes)
    for name in ours:
        share = statistics.median((c - d) / l for c, d, l in zip(turns[name], turns["digest alone"], turns["luma decode alone"]))
        print(f"  {name}: the whole check without its digest takes {share:.3f} x the luma decode alone")


def memory(title, file):
    """Each in a process of its own, with the file already in memory."""
    few = BELOW / "codes-few.bin"
    few.write_bytes(pictures.codes(LIST, 100).tobytes())
    found = {}

    def fresh(name, binary, *words, before=()):
        driver = Driver(binary)
        try:
            for command in before:
                driver.ask(*command)
            reply = driver.ask(*words, file, 1)
            found[name] = (reply["peak_kib"], reply["answer"] if words[0] == "check" else "")
        except RuntimeError as error:
            found[name] = (None, str(error).rsplit(": ", 1)[-1])
        driver.close()

    fresh("tamis check", "tamis-peers", "check", before=[("list", few)])
    if file.suffix == ".jpg":
        for name, way in (("zune-jpeg luma", "zune-luma"), ("zune-jpeg RGB", "zune-rgb"), ("image RGB", "image")):
            fresh(name, "tamis-peers", "decode", way)
        fresh("zune-jpeg rc3 rows", "tamis-peers-rows", "decode", "rc-rows")
    for name in MEMORY_WAYS:
        out = subprocess.run([sys.executable, __file__, "--memory", name, file], capture_output=True, text=True)
        found[name] = (int(out.stdout), "") if out.returncode == 0 else (None, out.stderr.strip().rsplit("\n", 1)[-1])
    print(f"\nMemory beyond the upload, {title}, {file.stat().st_size / 1e6:.1f} MB")
    for name, (kib, note) in found.items():
        print(f"  {name:<40}{'-' if kib is None else f'{kib / 1024:.1f}':>10} MiB   {note}".rstrip())


MEMORY_WAYS = {
    "Pillow, pdqhash": (routes.pillow, routes.reference),
    "Pillow draft 512, matrix PDQ": (routes.pillow_draft(512, "L"), routes.matrix),
    "OpenCV grey, matrix PDQ": (PYTHON_DECODERS["OpenCV grey"], routes.matrix),
}


def memory_of(way, file):
    decode, hasher = MEMORY_WAYS[way]
    data = pathlib.Path(file).read_bytes()

    def status(field):
        return int(pathlib.Path("/proc/self/status").read_text().split(field)[1].split()[0])

    pathlib.Path("/proc/self/clear_refs").write_text("5")
    before = status("VmRSS:")
    hasher(decode(data))
    print(status("VmHWM:") - before)


def drawn(name, make):
    """A file under target/peers, made anew when the drawing changed."""
    file = BELOW / "pictures" / name
    if not file.exists() or file.stat().st_mtime < pathlib.Path(pictures.__file__).stat().st_mtime:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(make())
    return file


def drawn_jpeg(width, height, progressive=False):
    kind = "progressive" if progressive else "baseline"
    return drawn(f"{width}x{height}-{kind}.jpg", lambda: pictures.jpeg(pictures.draw(PICTURE, width, height), progressive))


def main():
    options = argparse.ArgumentParser(usage=__doc__)
    options.add_argument("--quick", action="store_true", help="small pictures and 3 rounds: do the assertions hold?")
    options.add_argument("--rounds", type=int, help="15 if not given")
    options.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    options.add_argument("--memory", nargs=2, help=argparse.SUPPRESS)
    options.add_argument("directory", nargs="?", type=pathlib.Path)
    options = options.parse_args()
    if options.memory:
        return memory_of(*options.memory)
    rounds = options.rounds or (3 if options.quick else 15)

    if options.directory:
        files = {f.name: f for f in sorted(options.directory.glob("*.jp*g"))}
        large = {}
    else:
        sizes = [(512, 512), (640, 480)] if options.quick else [(512, 512), (1920, 1080), (4000, 3000)]
        files = {f"{w}x{h}": drawn_jpeg(w, h) for w, h in sizes}
        w, h = sizes[-1]
        files[f"{w}x{h} progressive"] = drawn_jpeg(w, h, progressive=True)
        w, h = (1920, 1080) if options.quick else (8160, 6144)
        large = {f"{w}x{h} baseline": drawn_jpeg(w, h), f"{w}x{h} progressive": drawn_jpeg(w, h, progressive=True)}
        large[f"{w}x{h} PNG"] = drawn(f"{w}x{h}.png", lambda: pictures.png(PICTURE, w, h))
    assert files, "no JPEG there"

    drivers = {isa: Driver(isa=isa) for isa in isas()}
    best = dict([list(drivers.items())[-1]])
    rows = Driver("tamis-peers-rows")
    if "hash" in options.only:
        meta = routes.build_meta(BELOW)
        for title, file in files.items():
            if "progressive" not in title:
                hashing(title, Image.open(file).convert("RGB"), drivers, meta, rounds)
    if "decode" in options.only:
        for title, file in files.items():
            decoding(title, file, *best.values(), rows, rounds)
    if "check" in options.only:
        check_all(files, drivers, best, 20_000 if options.quick else 1_000_000, rounds)
    for driver in [*drivers.values(), rows]:
        driver.close()
    if "memory" in options.only:
        for title, file in list(files.items())[-2:] + list(large.items()):
            memory(title, file)


def check_all(files, drivers, best, entries, rounds):
    """Against one list, in which there is one picture."""
    planted = drawn("planted.jpg", lambda: pictures.jpeg(pictures.draw(PLANTED, 640, 480)))
    known = routes.reference(routes.pillow(planted.read_bytes()))
    codes = pictures.codes(LIST, entries)
    codes[len(codes) // 3] = pictures.near(LIST, known, 10)
    (BELOW / "codes.bin").write_bytes(codes.tobytes())
    name, search = best_index(codes, known, rounds)
    headline = {isa: drivers[isa] for isa in ("avx2", "neon") if isa in drivers} | best
    for driver in headline.values():
        assert driver.ask("list", BELOW / "codes.bin")["answer"] == str(len(codes))
    print(f"\nVerdicts are against these {len(codes):,} codes; faiss is {name}.")
    checking("a picture that is in the list, 640x480", planted, headline, search, rounds, expected=(10,))
    for title, file in files.items():
        checking(title, file, headline, search, rounds)


if __name__ == "__main__":
    main()
