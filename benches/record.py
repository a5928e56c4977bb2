"""Prints what criterion measured: record.py CRITERION_HOME

One line per benchmark: median, its 95 % confidence interval, throughput, and how many times faster
it is than the plain version of the same group and run, where there is one.
"""

import json
import sys
from pathlib import Path

PLAIN = ("naive", "plain")
UNITS = {"Bytes": (2**20, "MiB/s"), "Elements": (1e6, "M/s")}


def time(nanoseconds):
    for unit, size in (("s", 1e9), ("ms", 1e6), ("us", 1e3)):
        if nanoseconds >= size:
            return f"{nanoseconds / size:.2f} {unit}"
    return f"{nanoseconds:.1f} ns"


def rate(throughput, nanoseconds):
    for kind, amount in (throughput or {}).items():
        size, unit = UNITS[kind]
        return f"{amount / size / (nanoseconds / 1e9):.0f} {unit}"
    return ""


groups = {}
for path in sorted(Path(sys.argv[1]).glob("**/new/benchmark.json")):
    about = json.loads(path.read_text())
    median = json.loads((path.parent / "estimates.json").read_text())["median"]
    groups.setdefault(about["group_id"], {})[" ".join(filter(None, (about["function_id"], about["value_str"])))] = (median, about["throughput"])

for group, found in groups.items():
    print(group)
    plain = next((found[name][0]["point_estimate"] for name in PLAIN if name in found), None)
    for name, (median, throughput) in found.items():
        point, interval = median["point_estimate"], median["confidence_interval"]
        spread = f"{time(interval['lower_bound'])} .. {time(interval['upper_bound'])}"
        faster = f"{plain / point:.1f} x plain" if plain and name not in PLAIN else ""
        line = f"  {name:<18}{time(point):>11}   {spread:<26}{rate(throughput, point):>13}   {faster}"
        print(line.rstrip())
    print()
