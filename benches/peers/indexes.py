#!/usr/bin/env python3
"""What Python and C++ offer for the radius search, behind the same line protocol as ours: see src/protocol.rs and src/search/mod.rs.

  indexes.py      answers commands until the input ends
"""

import ctypes
import functools
import json
import pathlib
import subprocess
import sys
import tarfile
import time

import faiss
import numpy as np

BELOW = pathlib.Path(__file__).resolve().parents[2] / "target/peers"
faiss.omp_set_num_threads(1)


class Flat:
    """faiss's linear scan."""

    def __init__(self, codes):
        self.index = faiss.IndexBinaryFlat(256)
        self.index.add(codes)

    def save(self, file):
        faiss.write_index_binary(self.index, file)

    @classmethod
    def open(cls, file):
        self = cls.__new__(cls)
        self.index = faiss.read_index_binary(file)
        return self

    def near(self, queries, radius):
        # faiss's radius is exclusive.
        return self.index.range_search(queries, radius + 1)

    @staticmethod
    def found(answer):
        ends, distances, rows = answer
        return np.repeat(np.arange(len(ends) - 1), np.diff(ends.astype(np.int64))), rows, distances


class MultiHash(Flat):
    """`tables` of `bits` bits. Of so many pieces of a code that differs in 31 bits, one differs in at most 31 / tables: that many are turned over."""

    tables, bits, flips = 16, 16, 1

    def __init__(self, codes):
        self.index = faiss.IndexBinaryMultiHash(256, self.tables, self.bits)
        self.index.add(codes)

    def near(self, queries, radius):
        # Not kept in the file.
        self.index.nflip = self.flips
        return super().near(queries, radius)


class MultiHash11(MultiHash):
    """The longest keys with which two flips are enough."""

    tables, bits, flips = 11, 23, 2


class ThreatExchange:
    """PDQIndex of the package threatexchange: faiss's MultiHash of 16 x 16 bits with 31 // 16 = 1 flip, behind hexadecimal text and Python objects."""

    def __init__(self, codes):
        from threatexchange.signal_type.pdq.pdq_index import PDQIndex

        self.index = PDQIndex((code.tobytes().hex(), row) for row, code in enumerate(codes))

    def save(self, file):
        with open(file, "wb") as out:
            self.index.serialize(out)

    @classmethod
    def open(cls, file):
        from threatexchange.signal_type.pdq.pdq_index import PDQIndex

        self = cls.__new__(cls)
        with open(file, "rb") as data:
            self.index = PDQIndex.deserialize(data)
        return self

    def near(self, queries, radius):
        assert radius == self.index.get_match_threshold()
        return [self.index.query(query.tobytes().hex()) for query in queries]

    @staticmethod
    def found(answer):
        found = [(q, m.metadata, m.similarity_info.distance) for q, matches in enumerate(answer) for m in matches]
        return np.array(found, np.int64).reshape(-1, 3).T


class Hammingbird:
    """32 tables of 8 bits, no flips."""

    def __init__(self, codes):
        import hammingbird

        self.index = hammingbird.Index(d_bytes=32, k=31)
        self.index.add_batch(codes)

    def near(self, queries, radius):
        assert radius == self.index.k
        return [self.index.query(queries[0])] if len(queries) == 1 else self.index.query_batch(queries)

    @staticmethod
    def found(answer):
        found = [(q, row, distance) for q, matches in enumerate(answer) for row, distance in matches]
        return np.array(found, np.int64).reshape(-1, 3).T


class Meta:
    """Meta's own C++, from the source package of pdqhash, compiled for this machine."""

    kind = None

    def __init__(self, codes):
        self.library, self.codes = compiled(), codes
        self.index = self.library.build(self.kind, codes.ctypes.data, len(codes))
        self.room = np.empty((1 << 20, 3), np.uint32)

    def near(self, queries, radius):
        queries = np.ascontiguousarray(queries)
        count = self.library.near(self.index, queries.ctypes.data, len(queries), radius, self.room.ctypes.data, len(self.room))
        assert count <= len(self.room), f"{count} matches"
        return self.room[:count]

    @staticmethod
    def found(answer):
        return answer.T.astype(np.int64)


class MetaFlat(Meta):
    """flat.h: a scan for eight queries at once, with AVX-512 where the machine has it."""

    kind = 0


class MetaMih(Meta):
    """mih.h: 16 tables of 16 bits, one flip, candidates in a std::set."""

    kind = 1


@functools.cache
def compiled():
    library = BELOW / "meta_index.so"
    here = pathlib.Path(__file__).parent
    code = here / "meta_index.cpp"
    if not library.exists() or library.stat().st_mtime < code.stat().st_mtime:
        source = BELOW / "pdqhash-0.2.8"
        if not source.exists():
            pip = [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps"]
            subprocess.run([*pip, "--no-binary", "pdqhash", "-d", BELOW, "pdqhash==0.2.8"], check=True, stdout=sys.stderr)
            with tarfile.open(BELOW / "pdqhash-0.2.8.tar.gz") as archive:
                archive.extractall(BELOW, filter="data")
        options = ["-O3", "-march=native", "-std=c++17", "-shared", "-fPIC", "-w", f"-I{source}/ThreatExchange"]
        subprocess.run(["g++", *options, code, "-o", library], check=True, stdout=sys.stderr)
    loaded = ctypes.CDLL(library)
    loaded.build.restype = ctypes.c_void_p
    loaded.build.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t]
    loaded.near.restype = ctypes.c_size_t
    loaded.near.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t]
    return loaded


CONTENDERS = {
    "faiss Flat": Flat,
    "faiss MultiHash 11x23": MultiHash11,
    "faiss MultiHash 16x16": MultiHash,
    "threatexchange PDQIndex": ThreatExchange,
    "hammingbird": Hammingbird,
    "Meta's flat.h": MetaFlat,
    "Meta's mih.h": MetaMih,
}


def resident(field):
    return int(pathlib.Path("/proc/self/status").read_text().split(field)[1].split()[0])


def growth(work):
    """What was made, how long it took, and by how much it made the process grow: at its end, and at most."""
    pathlib.Path("/proc/self/clear_refs").write_text("5")
    before = resident("VmRSS:")
    started = time.perf_counter_ns()
    made = work()
    ns = time.perf_counter_ns() - started
    return made, {"answer": str(resident("VmRSS:") - before), "ns": [ns], "peak_kib": resident("VmHWM:") - before}


def codes_in(file):
    return np.fromfile(file, np.uint8).reshape(-1, 32)


class Indexes:
    def __init__(self):
        self.opened = None

    def build(self, name, codes, file):
        codes = codes_in(codes)
        # A package's first import is no part of its index.
        CONTENDERS[name](codes[:8])
        made, reply = growth(lambda: CONTENDERS[name](codes))
        if hasattr(made, "save"):
            made.save(file)
        return reply

    def open(self, name, codes, file):
        self.opened = None
        kind = CONTENDERS[name]
        kind(codes_in(codes)[:8])
        if pathlib.Path(file).exists():
            self.opened, reply = growth(lambda: kind.open(file))
        else:
            codes = codes_in(codes)
            self.opened, reply = growth(lambda: kind(codes))
        return reply

    def near(self, queries, first, count, together, radius, out):
        first, count, together, radius = map(int, (first, count, together, radius))
        queries = codes_in(queries)[first : first + count]
        assert len(queries) == count, "so many queries are not there"
        ns, all = [], []
        for start in range(0, count, together):
            some = queries[start : start + together]
            begun = time.perf_counter_ns()
            answer = self.opened.near(some, radius)
            ns.append(time.perf_counter_ns() - begun)
            query, row, distance = self.opened.found(answer)
            all.append(np.column_stack([query + start, row, distance]).astype("<u4"))
        all = np.concatenate(all)
        if out != "-":
            all.tofile(out)
        return {"answer": str(len(all)), "ns": ns, "peak_kib": 0}


def main():
    indexes = Indexes()
    for line in sys.stdin:
        command, *words = line.rstrip("\n").split("\t")
        try:
            reply = {"build": indexes.build, "open": indexes.open, "near": indexes.near}[command](*words)
        except Exception as error:  # whatever a peer throws is its answer
            reply = {"error": f"{type(error).__name__}: {error}"[:300]}
        print(json.dumps(reply), flush=True)


if __name__ == "__main__":
    main()
