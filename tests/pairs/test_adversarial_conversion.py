"""The checkpoint of two networks with an Adam each, converted both ways; nothing may cross."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import forked_python
from checkpoint_pairs import fresh, state, train
from saved import restore, save
from shared.tools.child_process import tf115_environment
from shared.tools.commands import main
from tf115_environment import require_tf115

ROOT = Path(__file__).resolve().parents[2]
CONVERT = ["checkpoint", "convert", "--model", "adversarial"]
# One update of each network would leave both optimizers with the same powers of beta, so that a
# crossing of them would not show. Here the discriminator has made two more.
ALONE = 2


def train_apart(model: Any) -> None:
    """Trains both networks, then the discriminator alone, by runs of its own update."""
    train(model, "adversarial", stretch=0)
    noise, images = np.full([5, 32], 0.5, np.float32), np.eye(5, 784, dtype=np.float32)
    for _ in range(ALONE):
        feed_dict = {model.noise: noise, model.images: images}
        model.session.run(model.train_ops["discriminator"], feed_dict)


def differing(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> list[str]:
    assert one.keys() == other.keys()
    return [name for name, value in one.items() if value.tobytes() != other[name].tobytes()]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, np.ndarray]]:
    """A checkpoint of the TensorFlow 1 style, and all that it holds."""
    folder = tmp_path_factory.mktemp("adversarial")
    model = fresh("tf1_style", "adversarial")
    train_apart(model)
    save(model, folder / "tf1")
    return folder, state(model)


@pytest.mark.slow
def test_slots_of_two_optimizers_do_not_cross(trained: Any) -> None:
    folder, expected = trained
    powers = [f"{name}/beta1_power" for name in ("discriminator", "generator")]
    assert [float(expected[name]) for name in powers] == [0.5 ** (4 + ALONE), 0.5**4]
    flags = ["--optimizer", "tf1"]
    assert main([*CONVERT, f"{folder}/tf1", f"{folder}/tf2", "--to", "tf2", *flags]) == 0
    crossed = fresh("tf2_style", "adversarial", "tf1")
    restore(crossed, folder / "tf2")
    assert differing(expected, state(crossed)) == []
    assert main([*CONVERT, f"{folder}/tf2", f"{folder}/back", "--to", "tf1"]) == 0
    returned = fresh("tf1_style", "adversarial")
    restore(returned, folder / "back")
    assert differing(expected, state(returned)) == []
    # The check can fail: a slot that crossed shows.
    names = ("discriminator/output/kernel/m", "generator/output/kernel/m")
    assert differing(expected, {**expected, names[0]: expected[names[1]]}) == [names[0]]


@pytest.mark.slow
def test_keras_counts_for_each_optimizer(tmp_path: Path) -> None:
    model = fresh("tf1_style", "adversarial")
    train(model, "adversarial", stretch=0)
    save(model, tmp_path / "tf1")
    assert main([*CONVERT, f"{tmp_path}/tf1", f"{tmp_path}/tf2", "--to", "tf2"]) == 0
    crossed = fresh("tf2_style", "adversarial", "keras")
    restore(crossed, tmp_path / "tf2")
    counts = [int(optimizer.iterations) for optimizer in crossed.optimizers.values()]
    assert counts == [3, 3] == [model.step()] * 2
    assert main([*CONVERT, f"{tmp_path}/tf2", f"{tmp_path}/back", "--to", "tf1"]) == 0
    returned = fresh("tf1_style", "adversarial")
    restore(returned, tmp_path / "back")
    assert differing(state(model), state(returned)) == []


CHILD = """
import sys
sys.path[:0] = [{root!r}, {helpers!r}, {tests!r}]
import shared.tensorflow_loading
from checkpoint_pairs import fresh, state, train, write
from saved import restore, save
folder, command = sys.argv[1:]
model = fresh("tf1_style", "adversarial")
if command == "train":
    train(model, "adversarial", stretch=0)
    save(model, folder + "/tf1")
else:
    restore(model, folder + "/back")
write(folder + "/" + command + ".npz", state(model))
train(model, "adversarial", stretch=1)
write(folder + "/" + command + "_on.npz", state(model))
"""


def under_tf115(folder: Path, command: str) -> None:
    paths = {"root": ROOT, "helpers": ROOT / "tests/helpers", "tests": ROOT / "tests"}
    code = CHILD.format(**{name: str(path) for name, path in paths.items()})
    words = [require_tf115(), "-c", code, folder, command]
    done = forked_python.run(words, env=tf115_environment())
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.slow
@pytest.mark.tf115
def test_a_checkpoint_of_real_tensorflow_1_comes_back_to_it(tmp_path: Path) -> None:
    under_tf115(tmp_path, "train")
    flags = ["--to", "tf2", "--optimizer", "tf1"]
    assert main([*CONVERT, f"{tmp_path}/tf1", f"{tmp_path}/tf2", *flags]) == 0
    crossed = fresh("tf2_style", "adversarial", "tf1")
    restore(crossed, tmp_path / "tf2")
    saved = {file: dict(np.load(tmp_path / f"{file}.npz")) for file in ("train", "train_on")}
    assert differing(saved["train"], state(crossed)) == []
    assert main([*CONVERT, f"{tmp_path}/tf2", f"{tmp_path}/back", "--to", "tf1"]) == 0
    under_tf115(tmp_path, "resume")
    for before, after in (("train", "resume"), ("train_on", "resume_on")):
        assert differing(saved[before], dict(np.load(tmp_path / f"{after}.npz"))) == []
