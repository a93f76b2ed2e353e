"""An exported model predicts what its model does, outside of what training shows it, too.

Training shows a line's model inputs between 0 and 1, whose predictions a ReLU leaves alone: one
exported without its ReLU, or with another, differs elsewhere.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from exported import loaded_by_tf2
from float64_models import a_batch, a_model
from large_models import large_are_slow
from numpy_models import NUMPY_MODELS
from random_batches import random_batches
from shared.models import PAIRS, STYLES
from shared.program.batches import input_names


def a_model_and_inputs(name: str, style: str) -> tuple[Any, list[np.ndarray]]:
    """Returns a model, of parameters that are all different where it can be, and its inputs."""
    pair = PAIRS[name]
    optimizer = pair.same_kernel.optimizer if style == "tf2_style" else None
    if name in NUMPY_MODELS:
        return a_model(name, style, optimizer), list(a_batch(name, 7)[:-1])
    if pair.data == "noise":
        return pair.create(style, optimizer), [5 * random_batches("noise", 1, 7)[0][0]]
    return pair.create(style, optimizer), list(a_batch(name, 7)[:-1])


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", large_are_slow(PAIRS))
def test_an_export_predicts_the_same_bits_outside_of_the_data(
    name: str, style: str, tmp_path: Path
) -> None:
    model, inputs = a_model_and_inputs(name, style)
    expected = np.asarray(model.predict(*inputs))
    model.export(str(tmp_path / "export"))
    with loaded_by_tf2(str(tmp_path / "export")) as predict:
        found = predict(**dict(zip(input_names(type(model)), inputs, strict=True)))
    assert found.dtype == expected.dtype and found.tobytes() == expected.tobytes()


def test_the_inputs_reach_where_a_relu_and_its_limits_act() -> None:
    model, (inputs,) = a_model_and_inputs("relu_regression", "tf2_style")
    before = model.variables()["weight"] * inputs + model.variables()["bias"]
    assert before.min() < -1 and before.max() > 6  # of relu6
