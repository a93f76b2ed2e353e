"""Why Keras's Adam drifts from TensorFlow 1's, and that the bound of `pairs run` follows it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from large_models import large_are_slow
from shared.models import PAIRS
from shared.program.batches import call
from shared.tools.compare.distances import relative_l2
from shared.tools.parity.recording import batches_of

# Each of Keras's updates is smaller by this share, 6.4e-6: its v is larger by the ratio of 0.001 to
# float32(1 - float32(0.999)), and the update divides by the square root of v.
SHARE = 1 - (1e-3 / float(1 - np.float32(0.999))) ** -0.5


# What a run of so many steps shows before the MLP's loss depends on the last bit of everything.
STEPS = {"cnn": 60, "mlp": 200, "embeddings": 100}
CASES = [*large_are_slow(["cnn", "mlp"]), "embeddings"]  # the quickest of them stands for Adam


def losses_of(name: str, steps: int, slower: float = 0.0, **settings: Any) -> np.ndarray:
    """Trains with a learning rate that is smaller by the share `slower`."""
    pair = PAIRS[name]
    config = pair.module("tf2_style").Config()
    model = pair.create("tf2_style", learning_rate=config.learning_rate * (1 - slower), **settings)
    return np.asarray(call(model.train_steps, batches_of(pair, config)(range(steps))))


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_a_network_amplifies_the_drift_as_it_does_any_change_of_its_size(name: str) -> None:
    exact = losses_of(name, STEPS[name], optimizer="tf1")
    keras = losses_of(name, STEPS[name], optimizer="keras")
    control = losses_of(name, STEPS[name], optimizer="tf1", slower=SHARE)
    drift, control_drift = relative_l2(exact, keras), relative_l2(exact, control)
    # The first update differs by the share itself; what follows is the network's own doing, so
    # the two drifts agree in size, not in digits: a factor of ten either way.
    assert control_drift > 0
    assert control_drift / 10 < drift < control_drift * 10


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_a_learning_rate_off_by_one_percent_is_no_such_drift(name: str) -> None:
    exact = losses_of(name, 10, optimizer="tf1")
    control = losses_of(name, 10, optimizer="tf1", slower=SHARE)
    wrong = losses_of(name, 10, optimizer="tf1", slower=-0.01)
    assert relative_l2(exact, wrong) > 10 * relative_l2(exact, control)
