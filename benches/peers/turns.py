"""Contenders that take turns, each a function from a number of runs to `{"answer": .., "ns": [..]}`, and tables of what they took."""

import json
import os
import pathlib
import resource
import signal
import statistics
import subprocess
import threading
import time

BELOW = pathlib.Path(__file__).resolve().parents[2] / "target/peers"
TURN = 30e6  # nanoseconds that a turn is filled with


def isas():
    """The instruction sets of this machine, weakest first."""
    flags = pathlib.Path("/proc/cpuinfo").read_text()
    wanted = {"portable": "", "avx2": "avx2", "avx512": "avx512_vpopcntdq", "neon": "asimd"}
    return [isa for isa, flag in wanted.items() if flag in flags]


class Driver:
    """A process that answers commands: one of our own binaries on the instruction set that is asked for, or another `command`.

    It may have `memory` bytes, and is ended if it takes longer than `patience` seconds for an answer."""

    def __init__(self, name="tamis-peers", isa=None, command=None, memory=None, patience=None):
        environment = os.environ | ({"TAMIS_ISA": isa} if isa else {})
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        command = command or [BELOW / "cargo/release" / name]
        bound = memory and (lambda: resource.setrlimit(resource.RLIMIT_DATA, (memory, memory)))
        self.process = subprocess.Popen(command, text=True, env=environment, preexec_fn=bound, **pipes)
        self.patience = patience

    def ask(self, *words):
        impatience = self.patience and threading.Timer(self.patience, self.process.kill)
        if impatience:
            impatience.start()
        try:
            print(*words, sep="\t", file=self.process.stdin, flush=True)
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if impatience:
            impatience.cancel()
        if not line:
            # Only the timer kills; a process that ran out of memory aborts.
            late = self.process.wait() == -signal.SIGKILL
            raise RuntimeError(f"{words}: " + (f"no answer within {self.patience} s" if late else "the process ended"))
        reply = json.loads(line)
        if "error" in reply:
            raise RuntimeError(f"{words}: {reply['error']}")
        return reply

    def contender(self, *words):
        return lambda times: self.ask(*words, times)

    def close(self):
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass  # it ended before
        self.process.wait()


def python(work, *arguments, answer=lambda x: x):
    """A contender of this process."""

    def run(times):
        ns = []
        for _ in range(times):
            started = time.process_time_ns()
            out = work(*arguments)
            ns.append(time.process_time_ns() - started)
        return {"answer": answer(out), "ns": ns}

    return run


def alternate(contenders, rounds, check):
    """Per contender, once its answer was checked: of each turn the median of its runs, in nanoseconds."""
    times = {}
    for name, run in contenders.items():
        check(name, run(1)["answer"])
        # The very first run pays for fresh memory.
        times[name] = max(1, min(200, int(TURN / min(run(2)["ns"]))))
    return in_turns({name: lambda _, n=name: statistics.median(contenders[n](times[n])["ns"]) for name in contenders}, rounds)


def in_turns(contenders, rounds):
    """A B C A B C ..: per contender, a function of the round's number, what it gave in each round."""
    turns = {name: [] for name in contenders}
    for number in range(rounds):
        for name, run in contenders.items():
            turns[name].append(run(number))
    return turns


def ratio(turns, name, base):
    """How many times as long as `name` does `base` take?"""
    return statistics.median(b / n for n, b in zip(turns[name], turns[base]))


def milliseconds(ns):
    return f"{ns / 1e6:.3f}" if ns < 1e7 else f"{ns / 1e6:.1f}"


def table(title, turns, bases, notes=None):
    bases = [b for b in bases if b in turns]
    print(f"\n{title}\n  {'ms':<40}{'median':>10}{'least':>10}" + "".join(f"   x {b}" for b in bases))
    for name, of_turns in turns.items():
        ratios = "".join(f"{ratio(turns, name, b):>{len(b) + 5}.2f}" for b in bases)
        note = (notes or {}).get(name, "")
        line = f"  {name:<40}{milliseconds(statistics.median(of_turns)):>10}{milliseconds(min(of_turns)):>10}{ratios}   {note}"
        print(line.rstrip())
