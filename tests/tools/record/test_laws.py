"""The recorder tells a gradient that was applied from one that was not."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recorded_programs import recording
from shared.tools.record.laws import SelfCheck, follows, laws, moves_along
from shared.tools.record.noise import choices, integers, truncated, uniform
from shared.tools.record.one_file import source
from shared.trace_recorder import read_trace

RANDOM = np.random.RandomState(0)
GRADIENT = RANDOM.normal(size=(3, 2)).astype(np.float32)
OLD = abs(RANDOM.normal(size=(3, 2))).astype(np.float32)
ADAM = {"class": "AdamOptimizer", "beta1": 0.9, "beta2": 0.999}
MOMENTUM = {"class": "MomentumOptimizer", "momentum": 0.9, "learning_rate": 0.1}


@pytest.mark.parametrize(
    ("settings", "new"),
    [
        (ADAM, 0.9 * OLD + 0.1 * GRADIENT),
        (ADAM, 0.999 * OLD + 0.001 * GRADIENT**2),
        ({"class": "Adam", "beta_1": 0.9, "beta_2": 0.999}, 0.9 * OLD + 0.1 * GRADIENT),
        (MOMENTUM, 0.9 * OLD + GRADIENT),
        ({"class": "SGD", "momentum": 0.9}, 0.9 * OLD - 0.01 * GRADIENT),
        ({"class": "RMSPropOptimizer", "decay": 0.9}, 0.9 * OLD + 0.1 * GRADIENT**2),
        ({"class": "AdagradOptimizer"}, OLD + GRADIENT**2),
    ],
)
def test_a_slot_follows_from_the_gradient_applied_and_no_other(
    settings: dict[str, Any], new: np.ndarray
) -> None:
    known, before, after = laws(settings), {"w/s": OLD}, {"w/s": new.astype(np.float32)}
    assert follows(known, GRADIENT, before, after) is True
    clipped = GRADIENT.copy()
    clipped[0] *= 0.5  # one row clipped: not even a factor explains it
    assert follows(known, clipped, before, after) is False


def test_rows_that_a_sparse_update_leaves_alone_say_nothing() -> None:
    sparse = GRADIENT * np.array([[1], [0], [0]], np.float32)
    after = OLD.copy()
    after[0] = 0.9 * OLD[0] + sparse[0]
    assert follows(laws(MOMENTUM), sparse, {"w/s": OLD}, {"w/s": after}) is True
    assert follows(laws(MOMENTUM), 0 * sparse, {"w/s": OLD}, {"w/s": after}) is None
    assert follows(laws({"class": "Ftrl"}), sparse, {"w/s": OLD}, {"w/s": after}) is None


def test_plain_descent_moves_along_the_gradient() -> None:
    assert moves_along(GRADIENT, OLD, OLD - np.float32(0.3) * GRADIENT) is True
    assert moves_along(GRADIENT, OLD, OLD + np.float32(0.3) * GRADIENT) is False
    assert moves_along(GRADIENT, OLD, OLD - np.float32(0.3) * GRADIENT**2) is False
    assert moves_along(GRADIENT, OLD, OLD) is None


def test_a_constant_infinity_does_not_hide_how_the_rest_moved() -> None:
    masked = OLD.copy()
    masked[0, 0] = -np.inf
    assert moves_along(GRADIENT, masked, masked - np.float32(0.3) * GRADIENT) is True
    assert moves_along(GRADIENT, masked, masked - np.float32(0.3) * GRADIENT**2) is False


@pytest.mark.parametrize("factor", [1.0, 0.5])
def test_a_recording_says_which_gradients_were_not_applied(
    factor: float, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = recording(tmp_path / "a.npz", "--every", "1")
    one.optimizers["1"] = ADAM
    m = np.zeros((3, 2), np.float32)
    one.initial({"w": OLD}, {"w/Adam": m})
    applied = np.float32(factor) * GRADIENT
    moved = {"w": OLD - np.float32(0.1)}, {"w/Adam": np.float32(0.1) * applied}
    one.record({"loss": np.float32(1)}, {}, None, {"w": GRADIENT}, moved[1], moved[0])
    one.close()
    told = read_trace(tmp_path / "a.npz").meta["flags"]["recorder"]
    assert told["gradients_checked"] == ["w"]
    assert told["gradients_not_applied"] == ([] if factor == 1 else ["w"])
    said = "gradients recorded of w are not the ones applied" in capsys.readouterr().err
    assert said == (factor != 1)


@pytest.mark.parametrize(("factor", "unexplained"), [(1.0, []), (1.5, ["w"])])
def test_an_average_of_a_variable_does_not_hide_its_descent(
    factor: float, unexplained: list[str]
) -> None:
    check, apart = SelfCheck(), GRADIENT.copy()
    apart[0] *= factor
    before, average = {"w": OLD}, {"w/ExponentialMovingAverage": OLD}
    check.begin(before, average)
    after = {"w": OLD - np.float32(0.1) * GRADIENT}
    check.check_step([{"class": "GradientDescentOptimizer"}], {"w": apart}, after, average)
    assert check.checked == ["w"] and check.unexplained == unexplained


def test_the_numbers_drawn_have_their_distribution() -> None:
    generator = np.random.RandomState(0)
    drawn = uniform(generator, [10000], np.float32).astype(np.float32)
    assert drawn.min() >= 0 and drawn.max() < 1
    # Of 10,000 uniform numbers the mean has the standard error 0.0029, of which four are allowed.
    assert abs(drawn.mean() - 0.5) < 0.0116
    assert uniform(generator, [2000], np.float16).astype(np.float16).max() < 1
    assert abs(truncated(generator, [2000], np.float32)).max() <= 2
    assert set(integers(generator, [500], np.int32(2), np.int32(5))) == {2, 3, 4}
    picked = choices(generator, np.log([[0.25, 0.75]]), 10000)
    assert abs(picked.mean() - 0.75) < 4 * 0.0044  # standard errors


def test_each_step_and_each_operation_draws_numbers_of_its_own(tmp_path: Path) -> None:
    one, drawn = recording(tmp_path / "a.npz", "--noise", "7"), {}
    for one.step in range(3):
        for rank in range(2):
            numbers = uniform(one.noise._generator(rank, 0), [5], np.float32)
            drawn[one.step + 1, rank] = numbers.tolist()
    one.recorder.discard()
    assert len({*map(tuple, drawn.values())}) == 6
    # By seed, step, operation and turn alone: another program draws the same.
    expected = uniform(np.random.RandomState([7, 3, 1, 0]), [5], np.float32)
    assert drawn[3, 1] == expected.tolist()


def test_the_one_file_imports_what_python_2_has() -> None:
    tree = ast.parse(source())
    found = {
        (node.module or "") if isinstance(node, ast.ImportFrom) else alias.name
        for node in tree.body  # what stands in `try` or `if` is the prelude's own care
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in node.names
    }
    of_python_2 = (
        "__future__ argparse ast collections contextlib functools hashlib io json operator"
    )
    of_python_2 += (
        " os platform re runpy signal stat struct sys tempfile threading tokenize traceback"
    )
    of_python_2 += " traceback weakref zipfile zlib numpy _thread"  # the last by the prelude
    assert found <= set(of_python_2.split())
