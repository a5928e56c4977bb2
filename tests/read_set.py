#!/usr/bin/env python3
"""An independent reader of Tamis sets, written from src/set/FORMAT.md alone.

read_set.py SET       prints the lists and then every entry, one JSON object per line.

Reads the whole file and checks every checksum. Needs the package blake3 from PyPI.
"""
import json
import struct
import sys

from blake3 import blake3

MAGIC = b"\x8bTAMIS\r\n"
BLOCK, GROUP = 4096, 256
ALGORITHMS = {1: ("md5", 16), 2: ("sha1", 20), 3: ("sha256", 32), 4: ("sha512", 64), 5: ("blake3", 32), 16: ("pdq", 32)}
KINDS = {1: "exchange", 2: "local", 3: "friend", 4: "referral", 5: "submissions", 6: "test"}
ROLES = {1: "listed", 2: "exception"}
OPINIONS = {1: "positive", 2: "negative", 3: "disputed", 4: "seed"}
SEVERITIES = ["unspecified", "low", "medium", "high", "critical"]
TOMBSTONES = {1: "entry", 2: "item", 3: "source", 4: "suppression"}
ID_CONTEXT = "tamis 2026-11 entry id"


class Damaged(Exception):
    pass


def need(condition, message):
    if not condition:
        raise Damaged(message)


def checksum(data):
    return blake3(data).digest()[:16]


def align(n):
    return (n + 63) // 64 * 64


def numbers(data):
    return struct.unpack("<%dI" % (len(data) // 4), data)


def chunks_of(code):
    rows = struct.unpack(">16H", code)
    return [sum((rows[j] >> (c + 3 * j) % 16 & 1) << j for j in range(16)) for c in range(16)]


class Set:
    def __init__(self, file):
        need(file[:8] == MAGIC, "not a Tamis set")
        major, self.minor, sections, roots, _ = struct.unpack_from("<HHIII", file, 8)
        data_start, data_length = struct.unpack_from("<QQ", file, 24)
        need(major == 1, "major version %d" % major)
        need(len(file) == data_start + data_length, "wrong length")
        table_end = 96 + 32 * sections
        head_end = table_end + 16 * roots
        self.digest = file[64:96]
        need(blake3(file[:64] + file[96:head_end]).digest() == self.digest, "the head is damaged")

        blocks = -(-data_length // BLOCK)
        need(roots == -(-blocks // GROUP), "wrong number of roots")
        checksums = file[align(head_end) : align(head_end) + 16 * blocks]
        for i in range(roots):
            group = checksums[16 * GROUP * i : 16 * GROUP * (i + 1)]
            need(checksum(group) == file[table_end + 16 * i : table_end + 16 * i + 16], "group %d" % i)
        self.data = file[data_start:]
        for i in range(blocks):
            block = self.data[BLOCK * i : BLOCK * (i + 1)]
            need(checksum(block) == checksums[16 * i : 16 * i + 16], "block %d" % i)

        self.sections = {}
        critical = set(range(1, 10)) | {0x600, 0x700} | {base + a for base in (0x100, 0x200) for a in ALGORITHMS}
        for i in range(sections):
            number, flags, offset, length, count = struct.unpack_from("<IIQQQ", file, 96 + 32 * i)
            need(number == 0x310 or (number in critical) == flags & 1, "section %#x is critical or not" % number)
            need(offset + length <= data_length, "section %#x lies outside" % number)
            self.sections[number] = (self.data[offset : offset + length], count)

        self.created = struct.unpack_from("<Q", self.part(1))[0]
        ends, text = numbers(self.part(2)), self.part(3)
        self.strings = [text[a:b].decode() for a, b in zip(ends, ends[1:])]
        self.lists = [self.read_list(r) for r in self.records(4, 32)]
        self.items = [struct.unpack("<II", r) for r in self.records(5, 8)]
        ends, labels = numbers(self.part(7)), numbers(self.part(8))
        self.label_sets = [[self.strings[n] for n in labels[a:b]] for a, b in zip(ends, ends[1:])]
        if 0x310 in self.sections:
            self.check_radius_index(self.records(0x110, 32), *self.sections[0x310])
        self.suppressions = [r.hex() for r in self.records(9, 16)]
        self.changes = self.read_changes()
        self.tombstones = self.read_tombstones()

    def part(self, number):
        return self.sections[number][0]

    def records(self, number, size):
        """The elements of a section, none if it is absent."""
        data, count = self.sections.get(number, (b"", 0))
        need(len(data) == count * size, "section %#x" % number)
        return [data[i : i + size] for i in range(0, len(data), size)]

    def read_changes(self):
        rows = [struct.unpack("<IIQQQ", r) for r in self.records(0x700, 32)]
        listed = [row[0] for row in rows]
        need(listed == sorted(set(listed)), "the delta header is out of order")
        need(not rows or self.minor >= 2, "a delta of minor version %d" % self.minor)
        for the_list, flags, first, last, reserved in rows:
            need(self.minor > 2 or flags < 2 and reserved == 0, "a reserved part of the delta header")
            need(first <= last < 1 << 53 and last > 0 and (first == 0) == flags & 1, "changes %d to %d" % (first, last))
        names = [self.lists[n]["name"] for n in listed]
        return {name: {"first": r[2], "last": r[3], "replaces": bool(r[1] & 1)} for name, r in zip(names, rows)}

    def read_tombstones(self):
        rows = [struct.unpack("<II16s", r) for r in self.records(0x600, 24)]
        need(rows == sorted(set(rows)), "tombstones are out of order")
        told = [{"list": self.lists[n]["name"], "kind": TOMBSTONES[kind], "key": key.hex()} for n, kind, key in rows]
        need(all(t["list"] in self.changes for t in told), "a tombstone of a list without changes")
        return told

    def check_radius_index(self, codes, data, count):
        """Rebuilds it entry by entry from the codes."""
        key_bits, stated = struct.unpack_from("<II", data)
        need(stated == count == len(codes) and data[8:64] == bytes(56), "the header of the radius index")
        chunks = [chunks_of(code) for code in codes]
        at = 64
        for c in range(16):
            buckets = [[] for _ in range(1 << key_bits)]
            for row, chunk in enumerate(chunks):
                buckets[chunk[c] % len(buckets)].append((chunk[(c + 1) % 16], chunk[(c + 2) % 16], row))
            offsets = [0]
            for bucket in buckets:
                offsets.append(offsets[-1] + len(bucket))
            table = struct.pack("<%dI" % len(offsets), *offsets)
            table += bytes(align(len(table)) - len(table))
            for bucket in buckets:
                for column, form in zip(zip(*bucket), "HHI"):
                    table += struct.pack("<%d%s" % (len(column), form), *column)
            need(data[at : at + len(table)] == table, "table %d of the radius index" % c)
            at += len(table)
        need(data[at:] == bytes(align(at) - at + 64), "the padding of the radius index")

    def read_list(self, record):
        name, agreement, basis, kind = struct.unpack_from("<IIIB", record)
        return {
            "name": self.strings[name],
            "kind": KINDS[kind],
            "agreement": self.strings[agreement],
            "legal_basis": self.strings[basis],
        }

    def entries(self):
        """All entries, found through the fingerprints of each algorithm, as a search would."""
        records = self.records(6, 64)
        seen = 0
        for number, (name, width) in sorted(ALGORITHMS.items()):
            if 0x100 + number not in self.sections:
                continue
            codes = self.records(0x100 + number, width)
            need(codes == sorted(set(codes)), "%s fingerprints are not sorted" % name)
            ranges = numbers(self.part(0x200 + number))
            for row, code in enumerate(codes):
                need(ranges[row] == seen and ranges[row + 1] > seen, "entry ranges of %s" % name)
                for record in records[ranges[row] : ranges[row + 1]]:
                    yield self.entry(record, number, name, row, code)
                    seen += 1
        need(seen == len(records), "entries that belong to no fingerprint")

    def entry(self, record, number, name, row, code):
        item, source, labels, basis, own_row, first, last, expires = struct.unpack_from("<8I", record, 16)
        algorithm, role, opinion, severity, flags, quality = record[48:54]
        need((algorithm, own_row) == (number, row), "an entry in the wrong place")
        the_list, item_name = self.items[item]
        listing = self.lists[the_list]["name"]
        hasher = blake3(derive_key_context=ID_CONTEXT)
        for part in (listing.encode(), self.strings[source].encode()):
            hasher.update(struct.pack("<Q", len(part)) + part)
        hasher.update(bytes([role, number]) + code)
        need(hasher.digest()[:16] == record[:16], "an entry whose id is not its own")
        return {
            "id": record[:16].hex(),
            "list": listing,
            "algorithm": name,
            "fingerprint": code.hex(),
            "role": ROLES[role],
            "item": self.strings[item_name],
            "source_id": self.strings[source],
            "labels": self.label_sets[labels],
            "opinion": OPINIONS[opinion],
            "severity": SEVERITIES[severity],
            "reviewed": bool(flags & 1),
            "quality": None if quality == 255 else quality,
            "legal_basis": self.strings[basis],
            "first_seen": first,
            "last_seen": last,
            "expires": expires,
        }


if __name__ == "__main__":
    the_set = Set(open(sys.argv[1], "rb").read())
    top = {"digest": the_set.digest.hex(), "created": the_set.created, "lists": the_set.lists}
    top["suppressions"], top["changes"], top["tombstones"] = the_set.suppressions, the_set.changes, the_set.tombstones
    print(json.dumps(top))
    for entry in the_set.entries():
        print(json.dumps(entry))
