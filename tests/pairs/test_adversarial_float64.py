"""Two networks in training, held by NumPy in float64: losses, gradients, updates and averages.

Either style alone: what both have alike wrong, no comparison of the two can see. The state is any
state, late steps included; test_adversarial.py holds predictions and evaluation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from model_state import assign, powers_are_right
from numpy_models import adam
from random_batches import random_batches
from shared.models import PAIRS

PAIR = PAIRS["adversarial"]
Arrays = Mapping[str, np.ndarray]
NETWORKS = ("discriminator", "generator")
ROWS, RATE, BETA1 = 9, 0.003, 0.5
UNIT_ROUNDOFF = 2.0**-24  # of float32, round to nearest
# A rounding for each of the 784 + 128 terms of a logit's sums, at random, with a margin of eight.
BOUND = 8 * (784 + 128) ** 0.5 * UNIT_ROUNDOFF
# One of them stands for all in the quick tests: a Session, which traces nothing.
CASES = [
    pytest.param(
        variant.style,
        variant.optimizer,
        step,
        id=f"{variant.label}-{step}",
        marks=() if (variant.style, step) == ("tf1_style", 5003) else pytest.mark.slow,
    )
    for variant in PAIR.variants
    for step in (0, 5003)
]


class Numpy:
    """Both networks in float64, normalized over the batch, whose moments `statistics` keeps."""

    def __init__(self, p: Arrays) -> None:
        self.p = p
        self.statistics: dict[str, tuple[np.ndarray, np.ndarray]] = {}

    def layers(self, network: str, values: np.ndarray) -> np.ndarray:
        """Returns the sums of a network's output layer."""
        hidden = values @ self.p[f"{network}/hidden/kernel"]
        mean, variance = hidden.mean(axis=0), hidden.var(axis=0)
        self.statistics[network] = mean, variance
        normal = (hidden - mean) / np.sqrt(variance + 1e-3)
        hidden = self.p[f"{network}/norm/gamma"] * normal + self.p[f"{network}/norm/beta"]
        slope = 0.2 if network == "discriminator" else 0.0  # of a leaky ReLU, and of a ReLU
        hidden = np.where(hidden > 0, hidden, slope * hidden)
        return hidden @ self.p[f"{network}/output/kernel"] + self.p[f"{network}/output/bias"]

    def losses(self, noise: np.ndarray, images: np.ndarray) -> dict[str, float]:
        """Returns the loss of each network, real and generated images in one batch."""
        generated = 1 / (1 + np.exp(-self.layers("generator", noise)))
        logits = self.layers("discriminator", np.concatenate([images, generated]))
        real, fake = np.split(logits, 2)
        called_real, called_fake = np.logaddexp(0, -real).mean(), np.logaddexp(0, fake).mean()
        fooled = np.logaddexp(0, -fake).mean()
        return {"discriminator": called_real + called_fake, "generator": fooled}


def wide(arrays: Mapping[str, Any]) -> dict[str, np.ndarray]:
    return {name: np.asarray(array, np.float64) for name, array in arrays.items()}


def model_in_any_state(style: str, optimizer: str | None, step: int) -> Any:
    """Returns a model with variables, averages and slots that are all different."""
    model = PAIR.create(style, optimizer, learning_rate=RATE)
    random = np.random.RandomState(step)
    handles = {**model.state_variables(), **model.slot_variables()}
    for name, variable in handles.items():
        shape = tuple(variable.shape.as_list())
        scale = (1 / shape[0]) ** 0.5 if len(shape) > 1 else 0.3
        value = random.normal(0, scale, shape)
        if name.endswith("/v"):
            value = 1e-4 * value**2 + 1e-9
        elif name.endswith("/m"):
            value = 1e-2 * value
        elif "variance" in name or "gamma" in name:
            value = 1 + np.abs(value)
        elif name.endswith("_power"):
            value = np.asarray((BETA1 if "beta1" in name else 0.999) ** (step + 1))
        assign(model, variable, np.asarray(value, np.float32))
    assign(model, model.global_step, np.int64(step))
    for each in model.optimizers.values():
        if hasattr(each, "iterations"):  # Keras computes the powers
            each.iterations.assign(step)
    return model


def slopes_are_right(gradients: Arrays, p: Arrays, network: str, batch: Any) -> None:
    """Asserts that along each gradient NumPy's loss of a network is as steep as the gradient."""
    for name, gradient in gradients.items():
        direction = gradient / np.linalg.norm(gradient)
        ends = [
            Numpy({**p, name: p[name] + length * direction}).losses(*batch)[network]
            for length in (-1e-6, 1e-6)
        ]
        slope = (ends[1] - ends[0]) / 2e-6
        # Sums that nearly cancel behind each normalization, beside the roundings.
        assert abs(slope / np.linalg.norm(gradient) - 1) < BOUND + 1e-3, (name, slope)


def update_is_right(
    network: str, gradients: Arrays, before: Arrays, after: Arrays, slots: Arrays, step: int
) -> None:
    """Asserts that a network's parameters are those after Adam's update with these gradients."""
    for name, gradient in gradients.items():
        m, v = slots[f"{name}/m"], slots[f"{name}/v"]
        expected, _, new_v = adam(before[name], gradient, m, v, step + 1, RATE, BETA1)
        # Each element: 6.4e-6 of the update for float32(1 - float32(0.999)), and at the first step
        # 1 - beta2 to a small power, which cancels; the roundings of a new m that nearly cancels;
        # then one of the parameter.
        terms = np.abs(m) + np.abs(gradient)
        allowed = 1.5e-4 * np.abs(expected - before[name]) + 1e-12
        allowed += 2 * UNIT_ROUNDOFF * np.abs(before[name])
        allowed += 4 * UNIT_ROUNDOFF * RATE * terms / (new_v**0.5 + 1e-8)
        assert (np.abs(after[name] - expected) <= allowed).all(), (network, name)


def of_network(arrays: Arrays, network: str) -> dict[str, np.ndarray]:
    return {name: array for name, array in arrays.items() if name.startswith(network + "/")}


@pytest.mark.parametrize(("style", "optimizer", "step"), CASES)
def test_one_step_is_numpys(style: str, optimizer: str | None, step: int) -> None:
    model = model_in_any_state(style, optimizer, step)
    fed = tuple(array[0] for array in random_batches("noise", 1, ROWS, seed=step))
    batch = tuple(array.astype(np.float64) for array in fed)
    before, slots = wide(model.variables()), wide(model.slots())
    of_discriminator = of_network(wide(dict(model.gradients(*fed))), "discriminator")
    losses = {name: float(np.asarray(loss)) for name, loss in model.train_step(*fed).items()}
    after = wide(model.variables())
    assert model.step() == step + 1
    powers_are_right(model.slots(), step + 1, BETA1)
    # The generator's loss and gradient go through the discriminator as its update has left it.
    updated = {**before, **{name: after[name] for name in of_discriminator}}
    for name in of_network(before, "generator"):
        assign(model, model.state_variables()[name], before[name].astype(np.float32))
    of_generator = of_network(wide(dict(model.gradients(*fed))), "generator")
    states = {"discriminator": before, "generator": updated}
    for network, gradients in zip(NETWORKS, (of_discriminator, of_generator), strict=True):
        assert len(gradients) == 5
        expected = Numpy(states[network]).losses(*batch)[network]
        assert abs(losses[network] / expected - 1) < BOUND, network
        slopes_are_right(gradients, states[network], network, batch)
        update_is_right(network, gradients, before, after, slots, step)
    averages_are_right(before, after, batch)


def averages_are_right(before: Arrays, after: Arrays, batch: Any) -> None:
    """Asserts that each network's averages moved once, by a hundredth, to the batch's moments."""
    numpy = Numpy(before)
    numpy.losses(*batch)
    for network in NETWORKS:
        for kind, moment in zip(("mean", "variance"), numpy.statistics[network], strict=True):
            name = f"{network}/norm/moving_{kind}"
            expected = 0.99 * before[name] + 0.01 * moment
            difference = np.linalg.norm(after[name] - expected) / np.linalg.norm(expected)
            assert difference < BOUND, name


# ---- that it can fail --------------------------------------------------------------------------


@pytest.mark.slow
def test_an_adam_with_another_beta1_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    import tensorflow as tf

    adam_of_tf1 = tf.compat.v1.train.AdamOptimizer
    monkeypatch.setattr(
        tf.compat.v1.train, "AdamOptimizer", lambda rate, beta1: adam_of_tf1(rate, 0.9)
    )
    with pytest.raises(AssertionError, match="discriminator/hidden/kernel"):
        test_one_step_is_numpys("tf1_style", None, 5003)
