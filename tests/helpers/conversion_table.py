"""Converts many models of real TensorFlow 1.15 and counts what comes of it.

    PYTHONPATH=.:tests/helpers python tests/helpers/conversion_table.py FOLDER [CASE …]

For each case: the map is proposed, settled where it must be, the checkpoint converted, restored
with `assert_consumed`; the outputs must be those of 1.15, and so must the losses of ten more
updates; converted back, the bits must be those that 1.15 saved, and 1.15 must load and predict it.
A case that is refused must be one of which that is known, with the reason; any other outcome is
counted as wrong. FOLDER gets some 20 MB of checkpoints.
"""

from __future__ import annotations

import collections
import dataclasses
import sys
from collections.abc import Callable
from pathlib import Path

import shared.tensorflow_loading  # noqa: F401  before TensorFlow is imported

# isort: split
import numpy as np
import tensorflow as tf

import forked_python
from checkpoint_programs import tensors_of
from conversion_networks import PORTS, Port
from conversion_settling import PREDICTS_ONLY, REFUSES, settled
from shared.errors import SuiteError
from shared.tools.checkpoint_conversion.contents import describe
from shared.tools.checkpoint_conversion.conversion_map import load_map
from shared.tools.checkpoint_conversion.map_text import map_text
from shared.tools.checkpoint_conversion.plan import Options
from shared.tools.checkpoint_conversion.planner import make_plan
from shared.tools.checkpoint_conversion.proposal import propose
from shared.tools.checkpoint_conversion.writing import write_checkpoint
from shared.tools.child_process import tf115_environment

PROGRAM = Path(__file__).parents[1] / "files" / "conversion" / "tf1_models.py"
WITHOUT_AN_EDIT, AFTER_EDITS = "work without an edit of the map", "work after edits"
REFUSED, WRONG = "refused", "wrong in silence"
_VERDICTS = (WITHOUT_AN_EDIT, AFTER_EDITS, REFUSED, WRONG)

# Outputs of one model under two builds of TensorFlow: the order of sums differs, a few roundings
# of 6e-8 for values near 1. The smallest fault of a map seen in such models is 1e-3.
OUTPUT_TOLERANCE = 5e-6
# The same, after ten updates, which add up what differs; Adam divides by small second moments.
LOSS_TOLERANCE = 1e-4


@dataclasses.dataclass
class Result:
    """What came of one case: one of the verdicts, how many lines were edited, and why."""

    name: str
    verdict: str
    edits: int = 0
    detail: str = ""


def run_tf115(python: Path, *arguments: str) -> str:
    """Runs the models under 1.15; returns what they print."""
    command = [str(python), str(PROGRAM), *arguments]
    done = forked_python.run(command, env=tf115_environment())
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return done.stdout


def convert(folder: Path, name: str, change: Callable[[str], str] = lambda text: text) -> Result:
    """Converts one case there and back, and compares everything but 1.15's own reading.

    Args:
        folder: where 1.15 wrote the cases.
        name: of the case.
        change: what is done to the map beyond what settles it, for faults on purpose.
    """
    tf.keras.backend.clear_session()
    port = PORTS[name](np.load(folder / "data.npz"))
    case = folder / name
    source, template = str(case / "model-5"), port.checkpoint.save(str(case / "template"))
    proposal = propose(describe(source), describe(template))
    text, edits = settled(name, map_text(proposal))
    file = case / "map.toml"
    file.write_text(change(text), encoding="utf-8")
    try:
        crossed(file, source, case / "there", "tf2", port)
    except SuiteError as error:
        return Result(name, REFUSED, edits, REFUSES.get(name) or str(error))
    wrong = compared(port, case, name)
    if not wrong:
        crossed(file, str(case / "there"), case / "back", "tf1", port)
        wrong = differing_bits(source, case / "back")
    verdict = AFTER_EDITS if edits else WITHOUT_AN_EDIT
    return Result(name, WRONG if wrong else verdict, edits, wrong)


def crossed(file: Path, source: str, target: Path, style: str, port: Port) -> None:
    """Carries a checkpoint across through a map, as the command does."""
    found, contents = load_map(file), describe(source)
    plan = make_plan(contents, describe(getattr(found, style)), found, Options(port.rate))
    write_checkpoint(plan, str(target), force=True)


def compared(port: Port, case: Path, name: str) -> str:
    """Returns what a restored port does otherwise than 1.15 did; empty where nothing."""
    expected = np.load(case / "io.npz")
    port.checkpoint.restore(str(case / "there")).assert_consumed()
    distance = np.abs(np.asarray(port.outputs()) - expected["outputs"]).max()
    if not distance <= OUTPUT_TOLERANCE:
        return f"outputs differ by {distance:.2g}"
    if name in PREDICTS_ONLY:
        return ""
    losses = []
    for _ in range(10):
        port.train()
        losses.append(float(port.loss()))
    distance = (np.abs(losses - expected["losses"]) / np.abs(expected["losses"])).max()
    return "" if distance <= LOSS_TOLERANCE else f"losses of ten updates differ by {distance:.2g}"


def differing_bits(one: str, other: Path) -> str:
    """Returns the first tensor that is not what it was; empty where there is none."""
    before, after = tensors_of(one), tensors_of(str(other))
    names = [n for n in sorted({*before, *after}) if before.get(n) != after.get(n)]
    return f"bits differ after there and back: {', '.join(names[:3])}" if names else ""


def convert_all(folder: Path, names: list[str], python: Path) -> list[Result]:
    """Writes, converts and checks cases."""
    run_tf115(python, "write", str(folder), *names)
    results = [convert(folder, name) for name in names]
    back = [r.name for r in results if (folder / r.name / "back.index").exists()]
    distances = {}
    for line in run_tf115(python, "check", str(folder), *back).splitlines():
        if line.startswith("checked "):
            distances[line.split()[1]] = float(line.split()[2])
    for result in results:
        # The bits are equal, and so are the program and the machine.
        if result.name in back and not distances.get(result.name, np.inf) <= OUTPUT_TOLERANCE:
            result.verdict, result.detail = WRONG, f"1.15: {distances.get(result.name)}"
    return results


def table(results: list[Result]) -> str:
    """Returns the counts of the verdicts, and a line for each case."""
    counts = collections.Counter(result.verdict for result in results)
    trained = sum(r.name not in PREDICTS_ONLY and r.verdict in _VERDICTS[:2] for r in results)
    lines = [f"{len(results)} models of real TensorFlow 1.15 that the suite has no pair of"]
    lines += [f"{verdict:34} {counts[verdict]:3}" for verdict in _VERDICTS]
    lines.append(f"{'of which ten more updates agree':34} {trained:3}")
    for result in results:
        edits = f"{result.edits} lines" if result.edits else ""
        detail = result.detail or PREDICTS_ONLY.get(result.name, "")
        words = [result.verdict, edits, detail]
        lines.append(f"  {result.name:30} {', '.join(filter(None, words))}")
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Prints the table; the exit code says how many are wrong in silence."""
    root = Path(__file__).parents[2]
    folder, names = Path(arguments[0]), arguments[1:] or list(PORTS)
    results = convert_all(folder, names, root / ".venv-tf115" / "bin" / "python")
    print(table(results))
    return sum(result.verdict == WRONG for result in results)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
