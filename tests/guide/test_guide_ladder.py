"""Every rung of the ladder runs, and has the numbers that its page says."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from measuring.ladder import FOLDER, ORIGINAL, RUNGS, UPGRADED, measure, script_of
from shared.tools.child_process import ROOT, tf115_environment
from shared.tools.compare.distances import relative_l2
from tf115_environment import require_tf115
from upgrade_script import converted

COMPAT, LEGACY, NATIVE, KERAS, MANY, XLA = RUNGS[2:]

# Runs scripts, and after each the second script; prints the losses and what was predicted.
CHILD = """
import json, runpy, sys
import shared.tensorflow_loading
for scripts in json.loads(sys.argv[1]):
    printed = []
    for script in scripts:
        names = runpy.run_path(script, init_globals={"print": lambda *v: printed.append(v[-1])})
        losses = names.get("losses", []) if script is scripts[0] else losses
    print(json.dumps([[float(loss) for loss in losses], printed[-3:]]))
"""


def start(python: str, rung: str, scripts: list[Path], folder: Path) -> subprocess.Popen[str]:
    """Runs each script, followed by `reuse.py` of a rung, one after the other in one process."""
    pairs = [[str(script), str(script_of(rung, "reuse"))] for script in scripts]
    environment = {**tf115_environment(), "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
    folder.mkdir()
    return subprocess.Popen(
        [python, "-c", CHILD, json.dumps(pairs)],
        cwd=folder,
        env=environment if python != sys.executable else {**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )


def results(process: subprocess.Popen[str]) -> list[tuple[np.ndarray, list[float]]]:
    """The losses of each rung, and the three numbers that the second script predicted."""
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0
    lines = [json.loads(line) for line in output.splitlines()]
    return [
        (np.asarray(losses, np.float32), [float(number) for number in printed])
        for losses, printed in lines
    ]


@pytest.mark.slow
def test_each_rung_has_the_numbers_of_the_one_before_or_nearly(tmp_path: Path) -> None:
    off = tmp_path / "off.py"  # what the comparisons are worth: a rate 1 % off
    text = script_of(NATIVE, "train").read_text()
    off.write_text(text.replace("TF1Adam(0.001)", "TF1Adam(0.00101)"))
    natively = [*(script_of(rung, "train") for rung in RUNGS[4:]), off]
    native = start(sys.executable, NATIVE, natively, tmp_path / "native")
    compat_script = [script_of(COMPAT, "train")]
    (compat,) = results(start(sys.executable, COMPAT, compat_script, tmp_path / "compat"))
    same_kernel, keras, many, xla, broken = results(native)
    assert len(compat[0]) == 5000
    assert np.array_equal(compat[0], same_kernel[0])
    # Keras's updates are 6.4e-6 smaller (shared/models.py); a line follows that directly.
    assert 0 < relative_l2(same_kernel[0], keras[0]) < 1e-4
    assert np.array_equal(keras[0], many[0])
    # A sum of 100 terms in another order: the bound of parity/bounds.py for convex models.
    assert relative_l2(many[0], xla[0]) < 2e-6
    assert relative_l2(same_kernel[0], broken[0]) > 10 * 1e-4
    for _, predicted in (compat, same_kernel, keras, many, xla):
        # What the line has learned after 5,000 steps, restored by the second script.
        np.testing.assert_allclose(predicted, compat[1], rtol=1e-3)


@pytest.mark.slow
def test_legacy_keras_changes_no_number_and_brings_layers_back(tmp_path: Path) -> None:
    runs = measure([COMPAT, LEGACY], tmp_path)
    compat, legacy = runs[COMPAT], runs[LEGACY]
    assert len(legacy["train"]["losses"]) == 5000
    assert legacy["train"]["losses"] == compat["train"]["losses"]
    assert compat["layers"]["error"].startswith("AttributeError: `dense` is not available")
    layers = legacy["layers"]["losses"]
    # The gradient of w may be a product of matrices here and is a sum there: sums of 100 terms in
    # another order, as in the test above. One step more or less shows what the bound is worth.
    plain, found = (np.asarray(runs, np.float32) for runs in (legacy["train"]["losses"], layers))
    assert len(layers) == 2000
    assert relative_l2(plain[:2000], found) < 2e-6
    assert relative_l2(plain[1:2001], found) > 1e-2


@pytest.mark.slow
@pytest.mark.tf115
def test_the_original_runs_under_real_tensorflow_1(tmp_path: Path) -> None:
    python = str(require_tf115())
    ((losses, predicted),) = results(
        start(python, ORIGINAL, [script_of(ORIGINAL, "train")], tmp_path / "old")
    )
    assert len(losses) == 5000
    assert losses[-1] < losses[0] / 1000
    assert predicted[0] < predicted[1] < predicted[2]


def test_the_upgraded_script_stops_at_its_first_placeholder() -> None:
    with pytest.raises(RuntimeError, match="not compatible with eager execution"):
        runpy.run_path(str(FOLDER / UPGRADED / "train.py"))


@pytest.mark.parametrize("name", ["train", "reuse"])
def test_the_upgraded_scripts_are_what_the_tools_make(name: str) -> None:
    upgraded = (FOLDER / UPGRADED / f"{name}.py").read_text()
    after_2to3 = (FOLDER / UPGRADED / f"{name}_after_2to3.py").read_text()
    assert converted(after_2to3) == upgraded


@pytest.mark.filterwarnings("ignore:lib2to3")
@pytest.mark.parametrize("name", ["train", "reuse"])
def test_2to3_makes_what_is_kept(name: str) -> None:
    refactor = pytest.importorskip("lib2to3.refactor", reason="Python 3.13 has no 2to3 any more")
    tool = refactor.RefactoringTool(refactor.get_fixers_from_package("lib2to3.fixes"))
    original = (FOLDER / ORIGINAL / f"{name}.py").read_text()
    assert str(tool.refactor_string(original, name)) == (
        (FOLDER / UPGRADED / f"{name}_after_2to3.py").read_text()
    )
