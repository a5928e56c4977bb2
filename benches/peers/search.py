#!/usr/bin/env python3
"""Measures the radius search of Tamis and of its peers side by side; `search` prepares what this needs and starts it.

  search.py [--quick] [--codes N,..] [--kind uniform,weight128,clustered] [--rounds N] [--only WORD..] [--rows FILE]

Codes and queries are drawn from a seed. What a linear scan of ours finds, checked against faiss's, is the truth that everybody's answers are compared with
before they are timed. Then each peer, one thread in a process of its own, takes turns with ours, and the processes end one after the other, so that only
one peer's memory is in use. A turn asks query after query and gives the median and the 99th of 100 parts of what one took; a table shows medians over the
turns, and ratios *of the same turn*. A peer is also asked a hundred queries in one call, so that Python's own cost is not held against it, and its ratio is
of whichever is faster. Ours is never given that.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import struct
import subprocess
import sys
from collections import namedtuple

import numpy as np

from turns import BELOW, Driver, in_turns, isas

HERE = pathlib.Path(__file__).parent
RADIUS = 31
ASKED = 4000  # queries that are drawn
TURN = 1000  # queries of a turn of ours
TOGETHER = 100  # queries of a call that asks many
PATIENCE = 900  # seconds for one step of a peer
PYTHON, RUST = [sys.executable, "-u", HERE / "indexes.py"], [BELOW / "native/release/tamis-peers"]

Peer = namedtuple("Peer", "name command file note", defaults=(False, ""))  # `file`: whether it has one of its own
PEERS = [
    Peer("faiss Flat", PYTHON, True),
    Peer("faiss MultiHash 11x23", PYTHON, True, "2 flips"),
    Peer("faiss MultiHash 16x16", PYTHON, True, "1 flip"),
    Peer("threatexchange PDQIndex", PYTHON, True, "MultiHash 16x16, 1 flip, behind Python objects"),
    Peer("hammingbird", PYTHON, note="32 tables of 8 bits"),
    Peer("Meta's mih.h", PYTHON, note="16 tables of 16 bits"),
    Peer("Meta's flat.h", PYTHON, note="for this CPU; 8 queries a pass"),
    Peer("yume-pdq", RUST, note="for this CPU; 8 queries a pass"),
    # Takes 64 bits and no more as it is published.
    Peer("mih-rs", RUST, note="given a 256-bit integer by us"),
]
ADAPTED = {"mih-rs"}
SCANS = {"faiss Flat", "Meta's flat.h", "yume-pdq"}
# What the index promises, of the kind of machine it was promised for: per number of codes.
PROMISED = {1_000_000: {"fastest": 40}, 10_000_000: {"fastest": 80, "flat": 300, "p50": 30, "p99": 100}}
COLUMNS = "kind codes name isa exact adapted p50_us p99_us mean_us many_us ratio bytes_per_code build_s open_ms recall asked note".split()


class Field:
    """A drawing, the set that was made of it, and what is to be found in it."""

    def __init__(self, kind, count, directory):
        self.kind, self.count, self.directory = kind, count, directory
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        self.codes, self.ranks, self.queries, self.set = (directory / n for n in ("codes", "ranks", "queries", "set.tamis"))
        driver = Driver()
        self.distinct = int(driver.ask("draw", kind, count, ASKED, self.codes, self.ranks, self.queries)["answer"])
        built = driver.ask("build", "tamis", self.codes, self.set)
        driver.close()
        self.build_s, self.build_gib = built["ns"][0] / 1e9, built["peak_kib"] / 2**20
        self.rank = np.fromfile(self.ranks, "<u4")

    def ours(self, isa, method="auto"):
        driver = Driver(isa=isa)
        driver.open_ms = statistics.median(driver.ask("open", f"tamis {method}", "-", self.set)["ns"][0] / 1e6 for _ in range(5))
        return driver

    def near(self, driver, first, count, together=1, keep=False):
        """The nanoseconds of each call, and what was found if it is to be kept."""
        out = self.directory / f"found-{os.getpid()}"
        reply = driver.ask("near", self.queries, first, count, together, RADIUS, out if keep else "-")
        if not keep:
            return reply["ns"]
        found = np.fromfile(out, "<u4").reshape(-1, 3)
        out.unlink()
        return reply["ns"], found

    def answers(self, driver, count, together=1, rows=False):
        """Query, rank and distance of what is found for the first queries. Positions in the file become ranks, under which equal codes are one."""
        _, found = self.near(driver, 0, count, together, keep=True)
        if not rows:
            found[:, 1] = self.rank[found[:, 1]]
        return set(map(tuple, found.tolist()))

    def truth_for(self, count):
        return {f for f in self.truth if f[0] < count}

    def section_bytes(self):
        """Bytes of the codes, of their index, and of everything else in the set file."""
        with open(self.set, "rb") as file:
            head = file.read(96)
            sections = struct.unpack_from("<I", head, 12)[0]
            table = [struct.unpack("<IIQQQ", file.read(32)) for _ in range(sections)]
        codes, index = (sum(length for number, _, _, length, _ in table if number == wanted) for wanted in (0x110, 0x310))
        return codes, index, self.set.stat().st_size - codes - index


Turn = namedtuple("Turn", "p50_us p99_us mean_us many_us")  # `many_us`: of a query among many in one call


def turn(field, driver, asked, together=1, many=0):
    """A contender's turn: other queries in every round, after some that warm the caches that the others took."""

    def run(number):
        first = number * TURN % ASKED
        field.near(driver, (first + TURN) % ASKED, min(asked, 100), together)
        us = np.array(field.near(driver, first, asked, together)) / 1e3
        p99 = np.percentile(us, 99) if len(us) >= 100 else None
        of_many = sum(field.near(driver, first, many, many)) / many / 1e3 if many else None
        return Turn(np.median(us), p99, us.mean(), of_many)

    return run


def middle(values):
    values = [v for v in values if v is not None]
    return float(statistics.median(values)) if values else None


def middles(turns):
    return {field: middle(getattr(t, field) for t in turns) for field in Turn._fields}


def peer_row(field, peer, ours, rounds):
    """A peer's turns with ours. Says why where it did not get so far."""
    available = int(pathlib.Path("/proc/meminfo").read_text().split("MemAvailable:")[1].split()[0]) * 1024
    start = {"command": peer.command, "memory": available - 2**30, "patience": PATIENCE}
    row = {"name": peer.name, "note": peer.note, "adapted": peer.name in ADAPTED}
    file = field.directory / "peer"
    driver = Driver(**start)
    try:
        if peer.file:
            row["build_s"] = driver.ask("build", peer.name, field.codes, file)["ns"][0] / 1e9
            driver.close()
            driver = Driver(**start)
        opened = driver.ask("open", peer.name, field.codes, file)
        row["open_ms" if peer.file else "build_s"] = opened["ns"][0] / (1e6 if peer.file else 1e9)
        row["bytes_per_code"] = int(opened["answer"]) * 1024 / field.count
        # As many queries as take a turn of a few seconds.
        single = statistics.median(field.near(driver, 0, 5)) / 1e9
        asked = max(20, min(TURN, int(4 / single)))
        row["asked"] = min(ASKED, max(asked, int(60 / single)))
        found, truth = field.answers(driver, row["asked"]), field.truth_for(row["asked"])
        row["recall"] = len(found & truth) / len(truth) if truth else 1.0
        row["exact"] = found == truth
        if found - truth:
            row["note"] += f"; {len(found - truth)} that are not near"
        many = min(asked, TOGETHER)
        of_rounds = in_turns({"peer": turn(field, driver, asked, many=many), "ours": turn(field, ours, TURN)}, rounds)
        row |= middles(of_rounds["peer"])
        row["ratio"] = middle(min(p.p50_us, p.many_us) / o.p50_us for p, o in zip(of_rounds["peer"], of_rounds["ours"]))
    except RuntimeError as error:
        row["note"] = f"gave up: {str(error).rsplit('): ', 1)[-1]}"
    finally:
        driver.close()
        file.unlink(missing_ok=True)
    return row


def measure(kind, count, rounds, only, save):
    field = Field(kind, count, BELOW / "search" / f"{kind}-{count}")
    print(f"\n{count:,} codes, {kind}; {field.distinct:,} distinct; radius {RADIUS}", flush=True)
    supported = isas()
    headline = next(isa for isa in ("avx2", "neon", supported[-1]) if isa in supported)
    processes = {isa: field.ours(isa) for isa in supported}
    scan = field.ours(headline, "scan")

    # The truth: our scan, and faiss's, which knows nothing of ours, for a part of the queries.
    widest = field.ours(supported[-1], "scan")
    field.truth = field.answers(widest, ASKED, 8, rows=True)
    widest.close()
    flat = Driver(command=PYTHON)
    flat.ask("open", "faiss Flat", field.codes, "-")
    part = max(20, min(ASKED, 10**10 // count))
    assert field.answers(flat, part, TOGETHER) == field.truth_for(part), "our scan and faiss Flat do not find the same"
    flat.close()
    for isa, driver in processes.items():
        for together in (1, 8, TOGETHER):
            assert field.answers(driver, ASKED, together, rows=True) == field.truth, f"{isa}, {together} in a call: not what the scan finds"
    print(f"  All of ours find what our scan finds for {ASKED:,} queries, and that is what faiss Flat finds for {part:,}: {len(field.truth):,} matches.", flush=True)

    rows = []
    for peer in PEERS:
        if not only or any(word in peer.name for word in only):
            rows.append(peer_row(field, peer, processes[headline], rounds))
            show(rows[-1], head=len(rows) == 1)
    slow = min(TURN, max(20, 10**9 // count))
    contenders = {f"tamis {isa}": turn(field, driver, TURN, many=TOGETHER) for isa, driver in processes.items()}
    contenders |= {f"tamis {headline}, scan": turn(field, scan, slow), "eight": turn(field, processes[headline], TURN, 8)}
    of_rounds = in_turns(contenders, rounds)
    eight = middle(e.p50_us / o.p50_us for e, o in zip(of_rounds.pop("eight"), of_rounds[f"tamis {headline}"]))
    codes, index, rest = field.section_bytes()
    if not index:
        print("  The set holds no radius index: ours scans.")
    own = {}
    for name, turns in of_rounds.items():
        row = {"name": name, "isa": name.split()[1].strip(","), "exact": True, "recall": 1.0, "asked": ASKED, "note": ""}
        row |= middles(turns) | {"ratio": middle(t.p50_us / o.p50_us for t, o in zip(turns, of_rounds[f"tamis {headline}"]))}
        row |= {"bytes_per_code": (codes + index) / field.count, "build_s": field.build_s, "open_ms": processes[headline].open_ms}
        rows.append(row)
        show(row)
        own[name] = row
    conclude(field, rows, own, headline, eight, rest)
    if save:
        for row in rows:
            row |= {"kind": kind, "codes": count}
            print(*(value_of(row, column) for column in COLUMNS), sep="\t", file=save, flush=True)
    for driver in [*processes.values(), scan]:
        driver.close()
    shutil.rmtree(field.directory)


def value_of(row, column):
    value = row.get(column)
    return "" if value is None else f"{value:.6g}" if isinstance(value, float) else value


def show(row, head=False):
    if head:
        names = ("us per query", "p50", "p99", "of 100", "x ours", "B/code", "build s", "open ms", "recall")
        print("  {:<26}{:>10}{:>10}{:>10}{:>9}{:>8}{:>9}{:>9}{:>8}".format(*names))
    cells = [cell(row.get(column)) for column in ("p50_us", "p99_us", "many_us", "ratio", "bytes_per_code", "build_s", "open_ms")]
    recall = "-" if row.get("recall") is None else "full" if row["exact"] else f"{row['recall']:.4f}"
    print("  {:<26}{:>10}{:>10}{:>10}{:>9}{:>8}{:>9}{:>9}{:>8}   {}".format(row["name"], *cells, recall, row["note"]).rstrip(), flush=True)


def cell(value):
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 1000 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def conclude(field, rows, own, headline, eight, rest):
    """What the issue promises, beside what was measured."""
    promised = PROMISED.get(field.count, {})
    best = own[f"tamis {headline}"]

    def line(text, value, unit, least=None, most=None):
        bound = f" (at least {least})" if least else f" (at most {most})" if most else ""
        verdict = "" if not bound else ": holds" if (value >= least if least else value <= most) else ": DOES NOT HOLD"
        print(f"  {text}: {cell(value)}{unit}{bound}{verdict}")

    exact = [r for r in rows if r["name"] not in own and r.get("ratio") and r["exact"]]
    fastest = {
        "index": [r for r in exact if r["name"] not in SCANS and not r["adapted"]],
        "scan": [r for r in exact if r["name"] in SCANS],
    }
    for way, of_way in fastest.items():
        if of_way:
            row = min(of_way, key=lambda r: r["ratio"])
            line(f"fastest exact peer {way} ({row['name']}) / tamis {headline}", row["ratio"], " x", least=promised.get("fastest") if way == "index" else None)
    for row in exact:
        if row["adapted"]:
            line(f"{row['name']}, {row['note']} / tamis {headline}", row["ratio"], " x")
        if row["name"] == "faiss Flat":
            line(f"faiss Flat / tamis {headline}", row["ratio"], " x", least=promised.get("flat"))
    full = field.count >= 1_000_000
    line(f"p50, tamis {headline}", best["p50_us"], " us", most=promised.get("p50"))
    line(f"p99, tamis {headline}", best["p99_us"], " us", most=promised.get("p99"))
    line("look-ups a second on one core, one in a call", 1e6 / best["mean_us"], "", least=25_000 if field.count == 10_000_000 else None)
    line("look-ups a second on one core, a hundred in a call", 1e6 / best["many_us"], "")
    line("eight queries in one call / one query", eight, " x", most=6 if full else None)
    strongest = list(own.values())[len(own) - 2]
    for isa, most in (("avx2", 1.5), ("portable", 3)):
        if f"tamis {isa}" in own and strongest["isa"] == "avx512":
            line(f"{isa} / avx512", own[f"tamis {isa}"]["p50_us"] / strongest["p50_us"], " x", most=most if full else None)
    line("codes and index, bytes per code", best["bytes_per_code"], "", most=170)
    line("entries, checksums and the rest, bytes per code", rest / field.count, "")
    line("open", best["open_ms"], " ms", most=2)
    line("build, whole set file", field.build_s, f" s, {field.build_gib:.1f} GiB at most")


def main():
    options = argparse.ArgumentParser(usage=__doc__)
    options.add_argument("--quick", action="store_true", help="100,000 codes and 3 rounds")
    options.add_argument("--codes", type=lambda text: [int(n) for n in text.split(",")])
    options.add_argument("--kind", type=lambda text: text.split(","))
    options.add_argument("--rounds", type=int, help="5 if not given")
    options.add_argument("--only", nargs="+", default=[], help="peers with one of these words in their name")
    options.add_argument("--rows", type=pathlib.Path, help="a TSV file to write")
    options = options.parse_args()
    counts = options.codes or ([100_000] if options.quick else [1_000_000, 10_000_000])
    kinds = options.kind or (["weight128"] if options.quick else ["uniform", "weight128", "clustered"])
    save = options.rows and options.rows.open("w")
    if save:
        print(*COLUMNS, sep="\t", file=save)
    for count in counts:
        for kind in kinds:
            measure(kind, count, options.rounds or (3 if options.quick else 5), options.only, save)


if __name__ == "__main__":
    main()
