"""What a comparison of large traces costs: seconds and memory by the size of a trace.

    python -m shared.tools.compare.cost 1 4 10

For each size, in gigabytes, two traces are written to a temporary folder that keep a variable of
40 MB whole at every step; the second differs by a rounding in one element of each. `pairs compare`
then compares them, bitwise and with a tolerance, each in a process of its own, whose largest
resident memory the system tells.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from shared.tools.child_process import ROOT
from shared.trace_recorder import TraceRecorder

_ELEMENTS = 10_000_000  # of the variable, in float32: 40 MB
_RULES = {"bitwise": (), "tolerance": ("--rtol", "1e-5", "--atol", "1e-6")}
_COMPARE = """
import resource, sys
from shared.tools.commands import main
code = main(["compare", *sys.argv[1:]])
print(code, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


class Cost(NamedTuple):
    """What one comparison took."""

    bytes: int  # of one trace
    rule: str  # of `_RULES`
    equal: bool
    seconds: float
    peak: int  # bytes of resident memory, the largest at any time


def measure(gigabytes: float, elements: int = _ELEMENTS) -> Iterator[Cost]:
    """Writes two traces of about `gigabytes` and compares them by each rule."""
    steps = max(1, round(gigabytes * 1e9 / (4 * elements)))
    with tempfile.TemporaryDirectory(prefix="pairs-cost-") as folder:
        paths = write_traces(Path(folder), steps, elements)
        for rule, flags in _RULES.items():
            start = time.perf_counter()
            code, peak = _compare([*map(str, paths), *flags])
            taken = time.perf_counter() - start
            yield Cost(paths[0].stat().st_size, rule, code == 0, taken, peak)


def write_traces(folder: Path, steps: int, elements: int) -> tuple[Path, Path]:
    """Writes two traces of one float32 variable; the second is a rounding off in one element."""
    a, b = folder / "a.npz", folder / "b.npz"
    _write(a, steps, elements, is_off=False)
    _write(b, steps, elements, is_off=True)
    return a, b


def _write(path: Path, steps: int, elements: int, is_off: bool) -> None:
    values = np.random.RandomState(0).standard_normal(elements).astype(np.float32)
    with TraceRecorder(str(path), "large", "cost", "NumPy", every=1) as recorder:
        for step in range(1, steps + 1):
            values[step % elements] += 1
            written = values.copy()
            if is_off:
                written[0] = np.nextafter(written[0], np.float32(9), dtype=np.float32)
            recorder.record(step, loss=np.float32(1 / step), variables={"weights": written})


def _compare(arguments: list[str]) -> tuple[int, int]:
    command = [sys.executable, "-c", _COMPARE, *arguments]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    code, peak = map(int, done.stdout.splitlines()[-1].split())
    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss: bytes there, kilobytes on Linux
    return code, peak * unit


def main() -> None:
    """Prints a line for each size and rule."""
    parser = argparse.ArgumentParser(description="Measures what comparing large traces costs.")
    parser.add_argument("sizes", nargs="*", type=float, default=[1.0], metavar="GB")
    print("    trace  rule        found    time  a GB of both  memory at most")
    for size in parser.parse_args().sizes:
        for cost in measure(size):
            found = "equal" if cost.equal else "differs"
            each = cost.seconds / (2e-9 * cost.bytes)
            print(
                f"{cost.bytes / 1e9:6.2f} GB  {cost.rule:<10}  {found:<7} {cost.seconds:5.1f} s  "
                f"{each:10.2f} s  {cost.peak / 1e6:11,.0f} MB",
                flush=True,
            )


if __name__ == "__main__":
    main()
