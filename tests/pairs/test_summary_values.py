"""What TensorBoard is told of a batch is what NumPy finds in float64: loss, accuracy and rate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from event_files import read_events
from float64_models import a_batch, a_model, bound_of, wide, wide_batch
from large_models import large_are_slow
from model_state import assign
from numpy_models import NUMPY_MODELS
from saved import program_of
from shared.models import PAIRS, STYLES


def scalars_of(model: Any, batch: Any, folder: Path) -> dict[str, float]:
    """Returns the scalars that one writing of a batch leaves, by tag."""
    writer = program_of(model).summaries.SummaryWriter(model, str(folder))
    writer.write(*batch)
    writer.close()
    return {tag: float(value) for (_, tag), value in read_events(folder).scalars.items()}


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", large_are_slow(NUMPY_MODELS))
def test_loss_and_accuracy_are_those_of_the_batch(name: str, style: str, tmp_path: Path) -> None:
    reference = NUMPY_MODELS[name]
    optimizer = PAIRS[name].same_kernel.optimizer if style == "tf2_style" else None
    model, batch = a_model(name, style, optimizer), a_batch(name, 7)
    p, (*inputs, targets) = wide(model.variables()), wide_batch(batch)
    found = scalars_of(model, batch, tmp_path)
    expected = reference.loss(p, [*inputs, targets])  # without dropout
    assert abs(found["loss"] / expected - 1) < bound_of(reference)
    assert found["learning_rate"] == np.float32(model.config.learning_rate)
    if reference.correct is not None:
        right = reference.correct(reference.forward(p, *inputs), targets).mean()
        assert found["accuracy"] == np.float32(right)


@pytest.mark.slow
@pytest.mark.parametrize("style", STYLES)
def test_a_rate_that_falls_is_that_of_the_step(style: str, tmp_path: Path) -> None:
    pair = PAIRS["residual_network"]
    optimizer = pair.same_kernel.optimizer if style == "tf2_style" else None
    model = pair.create(style, optimizer, decay_steps=500, decay_rate=0.2, learning_rate=0.1)
    assign(model, model.global_step, np.int64(1051))  # it has fallen twice
    found = scalars_of(model, a_batch("residual_network", 3), tmp_path)
    assert found["learning_rate"] == pytest.approx(0.1 * 0.2**2, rel=1e-6)  # float32's precision
