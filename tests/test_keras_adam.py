"""Why Keras's Adam drifts from TensorFlow 1's, and that the bound of `pairs run` follows it."""

from __future__ import annotations

from typing import Any

import numpy as np

from shared.batches import batch_rows
from shared.digits import load_digits
from shared.models import PAIRS
from shared.verdict import curve_difference

# Each of Keras's updates is smaller by this share, 6.4e-6: its v is larger by the ratio of 0.001 to
# float32(1 - float32(0.999)), and the update divides by the square root of v.
SHARE = 1 - (1e-3 / float(1 - np.float32(0.999))) ** -0.5


def cnn_losses(steps: int, **settings: Any) -> np.ndarray:
    module = PAIRS["cnn"].module("tf2_style")
    digits = load_digits()
    rows = batch_rows(len(digits.train_images), 50, range(steps), seed=0)
    model = module.CNN(module.Config(**settings))
    return np.asarray(model.train_steps(digits.train_images[rows], digits.train_labels[rows]))


def test_a_network_amplifies_the_drift_as_it_does_any_change_of_its_size() -> None:
    exact = cnn_losses(60, optimizer="tf1")
    keras = cnn_losses(60, optimizer="keras")
    control = cnn_losses(60, optimizer="tf1", learning_rate=1e-4 * (1 - SHARE))
    drift, control_drift = curve_difference(exact, keras), curve_difference(exact, control)
    # The first update differs by the share itself; what follows is the network's own doing, so
    # the two drifts agree in size, not in digits: a factor of ten either way.
    assert control_drift > 0
    assert control_drift / 10 < drift < control_drift * 10


def test_a_learning_rate_off_by_one_percent_is_no_such_drift() -> None:
    exact = cnn_losses(10, optimizer="tf1")
    control = cnn_losses(10, optimizer="tf1", learning_rate=1e-4 * (1 - SHARE))
    wrong = cnn_losses(10, optimizer="tf1", learning_rate=1.01e-4)
    assert curve_difference(exact, wrong) > 10 * curve_difference(exact, control)
