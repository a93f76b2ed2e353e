"""Measures what converting large checkpoints costs: seconds of processor time, and peak memory.

    PYTHONPATH=.:tests/helpers python tests/helpers/conversion_costs.py FOLDER [CASE …]

FOLDER needs room for four times the size of a case, 8 GB at most. Processes of their own propose
the map, convert and convert back. The higher of the two peaks is compared with that of converting
one number, which is what TensorFlow itself takes.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

MIB = 2**20


@dataclasses.dataclass(frozen=True)
class Case:
    """A checkpoint of float32 variables.

    Attributes:
        shapes: of TF1's variables, by name.
        tf2: of TF2's, by path.
        shards: in how many files TF1 writes them.
        steps: of a layout from the TF1 variable to the TF2 variable, where there is one of each.
        partitions: into how many slices of rows the TF1 variable is cut.
    """

    shapes: dict[str, tuple[int, ...]]
    tf2: dict[str, tuple[int, ...]]
    shards: int = 1
    steps: str = ""
    partitions: int = 1

    def largest(self) -> float:
        """Returns the size of the largest tensor, in MiB."""
        return max(_size(shape) for shape in self.shapes.values()) / MIB


def _size(shape: tuple[int, ...]) -> int:
    size = 4
    for length in shape:
        size *= length
    return size


def _layers(count: int, shape: tuple[int, ...], shards: int = 1) -> Case:
    """Layers of one shape, numbered in both programs."""
    tf1 = {f"layer_{k}/kernel": shape for k in range(count)}
    return Case(tf1, {f"layer/{k}/kernel": shape for k in range(count)}, shards)


def _lstm(units: int) -> Case:
    """An LSTM with as many inputs as units."""
    width = 4 * units
    tf1 = {"rnn/lstm_cell/kernel": (2 * units, width), "rnn/lstm_cell/bias": (width,)}
    kernels = dict.fromkeys(("cell/kernel", "cell/recurrent_kernel"), (units, width))
    return Case(tf1, {**kernels, "cell/bias": (width,)})


def _table(tf1: tuple[int, ...], tf2: tuple[int, ...], steps: str, partitions: int = 1) -> Case:
    """One variable that a layout makes of another."""
    return Case({"table": tf1}, {"table/0/kernel": tf2}, steps=steps, partitions=partitions)


NOTHING = "one number"
CASES = {
    NOTHING: _layers(1, (1,)),
    "5,000 variables": _layers(5000, (8, 8)),
    "an LSTM of 128 MiB": _lstm(2048),
    "an LSTM of 512 MiB": _lstm(4096),
    "a transposed table of 512 MiB": _table(
        (MIB // 4, 512), (512, MIB // 4), "{ transpose = [1, 0] }"
    ),
    "channels first, 512 MiB": _table(
        (32768, 4096),
        (32768, 4096),
        "{ reshape = [512, 8, 8, 4096] }, { transpose = [1, 2, 0, 3] }, "
        "{ reshape = [32768, 4096] }",
    ),
    "4 partitions of 128 MiB": _table(
        (MIB // 4, 512), (MIB // 4, 512), "{ interleave = 4 }", partitions=4
    ),
    "2 GiB in 4 shards": _layers(16, (32 * MIB,), shards=4),
    "one variable of 2 GiB": _layers(1, (512, MIB)),
}


def write(name: str, folder: Path) -> None:
    """Writes a case: FOLDER/tf1 and FOLDER/tf2-1, the template."""
    import numpy as np
    import tensorflow as tf

    case = CASES[name]
    names = list(case.shapes)
    prefixes = []
    for shard in range(case.shards):
        own = names[shard :: case.shards]
        prefixes.append(str(folder / f"part{shard}"))
        values = [tf.random.stateless_uniform(case.shapes[n], [shard, len(own)]) for n in own]
        slices = [""] * len(own)
        if case.partitions > 1:
            own, slices = own * case.partitions, _slices(case.shapes[own[0]], case.partitions)
            values = tf.split(values.pop(), case.partitions)
        tf.raw_ops.SaveV2(
            prefix=prefixes[-1], tensor_names=own, shape_and_slices=slices, tensors=values
        )
    tf.raw_ops.MergeV2Checkpoints(
        checkpoint_prefixes=prefixes, destination_prefix=str(folder / "tf1"), delete_old_dirs=False
    )
    root: dict[str, Any] = {}
    for path, shape in case.tf2.items():
        *parents, last = path.split("/")
        target: Any = root.setdefault(parents[0], [] if len(parents) > 1 else tf.Module())
        if len(parents) > 1:
            target.append(tf.Module())
            target = target[-1]
        setattr(target, last, tf.Variable(np.zeros(shape, np.float32)))
    tf.train.Checkpoint(**root).save(str(folder / "tf2"))


def _slices(shape: tuple[int, ...], count: int) -> list[str]:
    """Returns equal slices of rows, as a Saver of a partitioned variable names them."""
    rows, columns = shape
    each = rows // count
    return [f"{rows} {columns} {k * each},{each}:0,{columns}" for k in range(count)]


def run(step: str, name: str, folder: Path) -> None:
    """Makes one step in this process, and prints its processor time in seconds and its peak."""
    from shared.tools.commands import checkpoint
    from shared.tools.commands import main as pairs

    checkpoint.load_tensorflow()
    start = time.process_time()
    if step == "write":
        write(name, folder)
    elif step == "map":
        propose(CASES[name], folder)
    else:
        places, style = (("tf1", "there"), "tf2") if step == "there" else (("there", "back"), "tf1")
        options = ["--to", style, "--map", str(folder / "map.toml")]
        paths = [str(folder / place) for place in places]
        assert pairs(["checkpoint", "convert", *paths, *options]) == 0
    print("cost", time.process_time() - start, peak_memory())


def propose(case: Case, folder: Path) -> None:
    """Writes FOLDER/map.toml: what is proposed, or the steps of a case that has its own."""
    from shared.tools.commands import main as pairs

    templates = [str(folder / "tf1"), str(folder / "tf2-1")]
    with (folder / "map.toml").open("w", encoding="utf-8") as file:
        with contextlib.redirect_stdout(file if not case.steps else io.StringIO()):
            assert pairs(["checkpoint", "map", *templates]) == 0
        if case.steps:
            names = [list(case.shapes), list(case.tf2)]
            file.write("[templates]\ntf1 = {!r}\ntf2 = {!r}\n".format(*templates))
            file.write("[[layout]]\ntf1 = {}\ntf2 = {}\n".format(*names))
            file.write(f"steps = [{case.steps}]\n")


def peak_memory() -> float:
    """Returns the most memory that this process had, in MiB (Linux)."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    (line,) = (line for line in lines if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def measure(step: str, name: str, folder: Path) -> tuple[float, float]:
    """Runs a step in a process of its own; returns its processor time and its peak."""
    command = [sys.executable, __file__, "--step", step, name, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("cost "))
    seconds, peak = map(float, line.split()[1:])
    return seconds, peak


@dataclasses.dataclass(frozen=True)
class Costs:
    """What one case takes.

    Attributes:
        seconds: of processor time, for the map, the way there and the way back.
        peak: the most memory on either way, in MiB.
    """

    seconds: tuple[float, float, float]
    peak: float


def costs(name: str, folder: Path) -> Costs:
    """Returns what proposing a map and converting there and back takes."""
    folder = folder / "case"
    folder.mkdir(parents=True)
    try:
        measure("write", name, folder)
        mapping, there, back = (measure(step, name, folder) for step in ("map", "there", "back"))
        return Costs((mapping[0], there[0], back[0]), max(there[1], back[1]))
    finally:
        shutil.rmtree(folder)


def main(arguments: list[str]) -> int:
    """Prints the table; the exit code is 1 where a peak is above the largest tensor + 500 MiB."""
    if arguments[0] == "--step":
        run(arguments[1], arguments[2], Path(arguments[3]))
        return 0
    folder, names = Path(arguments[0]), arguments[1:] or [n for n in CASES if n != NOTHING]
    nothing = costs(NOTHING, folder)
    heads = ("map, s", "there, s", "back, s", "largest, MiB", "peak, MiB")
    print(" " * 32 + "".join(f"{head:>14}" for head in heads))
    above = 0
    for name in names:
        found, largest = costs(name, folder), CASES[name].largest()
        more = found.peak - nothing.peak
        above += more > largest + 500
        cells = [*(f"{seconds:.1f}" for seconds in found.seconds), f"{largest:.0f}", f"{more:.0f}"]
        print(f"{name:32}" + "".join(f"{cell:>14}" for cell in cells), flush=True)
    print(f"The peak is beside TensorFlow itself, which takes {nothing.peak:.0f} MiB.")
    return 1 if above else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
