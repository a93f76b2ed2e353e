"""A model's class, copied alone into an empty folder, trains, saves and restores."""

from __future__ import annotations

import ast
import functools
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import forked_python
from shared.models import PAIRS
from shared.tools.child_process import tf115_environment
from tf115_environment import require_tf115

ROOT = Path(__file__).resolve().parents[2]
HEAD = {
    # The switch, for the whole process here, brings `tf.layers` back in TensorFlow 2.21.
    "tf1_style": (
        "import os\nos.environ['TF_USE_LEGACY_KERAS'] = '1'\n"
        "import numpy as np\nimport tensorflow.compat.v1 as tf\n"
    ),
    "tf2_style": "import numpy as np\nimport tensorflow as tf\n",
}
# What somebody who copies the class writes beside it: settings, initial values, a loop.
PROGRAM = """
class Settings:
    seed, learning_rate, optimizer, keep_probability = 0, 0.01, "keras", 0.5
    decay_steps, decay_rate, weight_decay = 100, 0.5, 1e-4
    l2, clip_norm = 0.02, 1.0
    initial_weight, initial_bias = 0.5, 0.0


def truncated_normal(shape, stddev, random):
    return (stddev * np.clip(random.standard_normal(shape), -2, 2)).astype(np.float32)


def glorot_uniform(shape, random):
    return random.uniform(-0.08, 0.08, shape).astype(np.float32)


def batch(random):
    if {kind!r} == "line":
        inputs = random.random_sample(8).astype(np.float32)
        return inputs, 2 * inputs + 1
    if {kind!r} == "ratings":
        ids = np.arange(8)
        return ids % 5, ids % 3, np.float32(ids % 5 + 1)
    if {kind!r} == "noise":
        images = np.eye(8, 784, dtype=np.float32)
        return random.random_sample([8, 32]).astype(np.float32), images
    labels = np.arange(8) % 10
    one_hot = np.eye(10, dtype=np.float32)[labels]
    images = random.random_sample([8, 784]).astype(np.float32)
    return images, labels if {kind!r} == "fashion" else one_hot


def loss(found):
    # Of two networks the second works against the first, whose loss it is that falls at first.
    return float(found["discriminator"] if isinstance(found, dict) else found)


random = np.random.RandomState(0)
model = {name}(Settings)
examples = batch(random)
first = loss(model.train_step(*examples))
for _ in range(3):
    last = loss(model.train_step(*examples))
assert last < first, (first, last)
path = model.save("saved")
again = {name}(Settings)
again.restore(path)
assert again.step() == model.step() == 4
for name, value in model.variables().items():
    assert np.array_equal(value, again.variables()[name]), name
assert loss(model.train_step(*examples)) == loss(again.train_step(*examples))
"""


def copied(style: str, name: str) -> str:
    """The class of a pair without anything around it, and a program for it."""
    text = (ROOT / style / f"{name}.py").read_text(encoding="utf-8")
    (node,) = (
        node
        for node in ast.parse(text).body
        if isinstance(node, ast.ClassDef) and node.name != "Config"
    )
    cut = ast.get_source_segment(text, node)
    assert cut is not None
    kind = PAIRS[name].data
    return f"{HEAD[style]}\n\n{cut}\n\n{PROGRAM.format(kind=kind, name=node.name)}"


ALONE = functools.partial(subprocess.run, capture_output=True, text=True)


def run(
    python: str,
    programs: dict[str, str],
    folder: Path,
    environment: dict[str, str],
    start: Callable[..., Any] = ALONE,
) -> None:
    """Runs all programs in one process, which has imported nothing; each in a folder of its own."""
    for name, text in programs.items():
        (folder / name).mkdir()
        (folder / name / "program.py").write_text(text)
    script = (
        "import os, runpy, sys\n"
        "for name in sys.argv[1:]:\n"
        "    os.chdir(name); runpy.run_path('program.py'); os.chdir('..')\n"
    )
    command = [python, "-c", script, *programs]
    done = start(command, cwd=folder, env={**environment, "PYTHONPATH": ""})
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.slow
@pytest.mark.parametrize("style", ["tf1_style", "tf2_style"])
def test_the_class_alone_trains_saves_and_restores(style: str, tmp_path: Path) -> None:
    programs = {name: copied(style, name) for name in PAIRS}
    run(sys.executable, programs, tmp_path, dict(os.environ))


@pytest.mark.slow
def test_a_small_class_alone_trains_saves_and_restores(tmp_path: Path) -> None:
    classes = {"tf1": ("tf1_style", "relu_regression"), "tf2": ("tf2_style", "softmax_regression")}
    programs = {name: copied(*of) for name, of in classes.items()}
    run(sys.executable, programs, tmp_path, dict(os.environ))


@pytest.mark.tf115
@pytest.mark.parametrize(
    "names",
    [["relu_regression"], pytest.param(list(PAIRS), marks=pytest.mark.slow)],
    ids=["small", "all"],
)
def test_the_class_alone_runs_under_tensorflow_115(names: list[str], tmp_path: Path) -> None:
    programs = {name: copied("tf1_style", name) for name in names}
    run(str(require_tf115()), programs, tmp_path, tf115_environment())


def test_a_class_that_needs_its_program_is_caught(tmp_path: Path) -> None:
    text = copied("tf2_style", "linear_regression")
    needy = text.replace("self.config = config", "self.config = Program(config)", 1)
    assert needy != text
    with pytest.raises(AssertionError, match="Program"):
        run(sys.executable, {"needy": needy}, tmp_path, dict(os.environ), forked_python.run)
