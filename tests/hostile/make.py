#!/usr/bin/env python3
"""Writes hostile uploads of our own kinds: make.py OUT_DIR

A kind is one lie, one bomb, one hole in a format, made as small as it can be; nearly all have one file. They come in addition to those
of `make_hostile.py` in the reference data. Besides the files it writes `hostile.jsonl`, the table of what is hostile about each:
file, kind, what, bytes, width, height (as declared; 0 where the file declares none or more than one).

Standard library only. The same bytes every time: what is random is seeded by the kind's name.
"""

import json
import os
import sys

# The makers stand in the repository: nothing may be left beside them.
sys.dont_write_bytecode = True

import archives
import bmp
import gif
import jpeg_frames
import jpeg_metadata
import jpeg_scans
import others
import png
import png_chunks
import tiff
import webp

FORMATS = (jpeg_frames, jpeg_scans, jpeg_metadata, png, png_chunks, gif, webp, bmp, tiff, archives, others)


PAGE = 4 << 10


class Suite:
    """The directory that is filled, and the table of what was put there."""

    def __init__(self, directory):
        self.directory = directory
        self.rows = []

    def put(self, name, what, data, size=(0, 0), length=0, kind=None):
        """Writes one file, zeros as holes, which cost no disk. `length` appends more of them."""
        assert all(row["file"] != name for row in self.rows), name
        with open(os.path.join(self.directory, name), "wb") as file:
            for start in range(0, len(data), PAGE):
                page = data[start : start + PAGE]
                if page.count(0) == len(page):
                    file.seek(len(page), os.SEEK_CUR)
                else:
                    file.write(page)
            file.truncate(max(len(data), length))
        kind = kind or name.rsplit(".", 1)[0]
        row = {"file": name, "kind": kind, "what": what, "bytes": max(len(data), length), "width": size[0], "height": size[1]}
        self.rows.append(row)

    def write_table(self):
        with open(os.path.join(self.directory, "hostile.jsonl"), "w") as file:
            file.writelines(json.dumps(row) + "\n" for row in self.rows)


def main(directory):
    os.makedirs(directory, exist_ok=True)
    suite = Suite(directory)
    for module in FORMATS:
        module.fill(suite.put)
    suite.write_table()
    kinds = {row["kind"] for row in suite.rows}
    print(len(suite.rows), "files of", len(kinds), "kinds,", sum(row["bytes"] for row in suite.rows), "bytes")


if __name__ == "__main__":
    main(sys.argv[1])
