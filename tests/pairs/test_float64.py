"""Every pair's logits, loss, gradients, one update and metrics, held by NumPy in float64.

Either style alone: what both have alike wrong, no comparison of the two can see. Inputs reach
outside of what training shows, batches have odd sizes, and states are late ones too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from float64_models import (
    UNIT_ROUNDOFF,
    a_batch,
    a_model,
    bound_of,
    created,
    wide,
    wide_batch,
)
from large_models import large_are_slow
from model_state import assign, powers_are_right, set_slots, set_step
from numpy_models import NUMPY_MODELS, adam
from shared.models import PAIRS

VARIANTS = [
    pytest.param(name, variant.style, variant.optimizer, id=f"{name}-{variant.label}")
    for name in NUMPY_MODELS
    for variant in PAIRS[name].variants
]


def cases(values: list[int], variants: list[Any]) -> list[Any]:
    """Returns each variant with each value."""
    return large_are_slow(
        pytest.param(*variant.values, value, id=f"{variant.id}-{value}")
        for variant in variants
        for value in values
    )


PLAIN = [param for param in VARIANTS if param.values[2] != "keras"]  # the model, not its optimizer


@pytest.fixture
def new_models() -> Iterator[None]:
    """Makes models anew for this test, and for the next one."""
    created.cache_clear()
    yield
    created.cache_clear()


def distance(found: Any, expected: Any) -> float:
    return float(
        np.linalg.norm(np.asarray(found, np.float64) - expected) / np.linalg.norm(expected)
    )


DROPPED_UNITS = {"cnn": 1024, "recurrent_network": 64}


def kept_of(model: Any, name: str, size: int) -> np.ndarray | None:
    """Returns what dropout multiplies the units by at the model's step."""
    if name not in DROPPED_UNITS:
        return None
    seed = [model.config.seed, model.step()]
    noise = tf.random.stateless_uniform([size, DROPPED_UNITS[name]], seed).numpy()
    share = model.config.keep_probability
    return (noise < np.float32(share)) / share


@pytest.mark.parametrize(("name", "style", "optimizer"), large_are_slow(PLAIN))
def test_predictions(name: str, style: str, optimizer: str | None) -> None:
    reference, model = NUMPY_MODELS[name], a_model(name, style, optimizer)
    *inputs, _ = a_batch(name, 7)
    expected = reference.forward(wide(model.variables()), *wide_batch(tuple(inputs)))
    found = np.asarray(model.predict(*inputs))
    assert found.shape == expected.shape and found.dtype == np.float32
    assert distance(found, expected) < bound_of(reference)


# One example; a few; chunks of 500 with a partial last one, of which the CNN knows.
@pytest.mark.parametrize(("name", "style", "optimizer", "size"), cases([1, 7, 501, 1003], PLAIN))
def test_metrics(name: str, style: str, optimizer: str | None, size: int) -> None:
    reference, model = NUMPY_MODELS[name], a_model(name, style, optimizer)
    batch = a_batch(name, size)
    p, losses, correct = wide(model.variables()), 0.0, 0
    for start in range(0, size, 100):  # what NumPy's convolution holds at a time
        *inputs, targets = wide_batch(tuple(array[start : start + 100] for array in batch))
        losses += reference.example_losses(p, [*inputs, targets]).sum()
        if reference.correct is not None:
            correct += reference.correct(reference.forward(p, *inputs), targets).sum()
    metrics = model.evaluate(*batch)
    assert abs(metrics["loss"] / (losses / size) - 1) < bound_of(reference)
    if reference.correct is not None:
        # A tie within a rounding may fall either way.
        assert abs(metrics["accuracy"] * size - correct) < 1e-6 + (size > 100)


def with_right_answers(
    name: str, p: dict[str, np.ndarray], batch: tuple[np.ndarray, ...]
) -> tuple[np.ndarray, ...]:
    """Returns a batch whose targets are right in two of three examples, from the first on.

    Random targets are hardly ever right, and a count of none hides by what it is divided.
    """
    *inputs, targets = batch
    found = NUMPY_MODELS[name].forward(p, *wide_batch(tuple(inputs)))
    is_wrong = np.arange(len(targets)) % 3 == 1
    if found.ndim == 1:  # numbers: within 0.01 or 0.5 of them is right, and soon beyond it wrong
        near, far = (0.2, 0.8) if PAIRS[name].data == "ratings" else (0.004, 0.03)
        return (*inputs, (found + np.where(is_wrong, far, -near)).astype(np.float32))
    second, first = np.sort(found, axis=1)[:, -2:].T
    assert (
        first - second > bound_of(NUMPY_MODELS[name]) * np.abs(found).max(axis=1)
    ).all()  # a tie
    classes = (found.argmax(axis=1) + is_wrong) % 10
    return (*inputs, classes if targets.ndim == 1 else np.eye(10, dtype=np.float32)[classes])


@pytest.mark.parametrize(
    ("name", "style", "optimizer", "size"),
    cases([1, 7], [param for param in PLAIN if NUMPY_MODELS[str(param.values[0])].correct]),
)
def test_accuracy(name: str, style: str, optimizer: str | None, size: int) -> None:
    model = a_model(name, style, optimizer)
    batch = with_right_answers(name, wide(model.variables()), a_batch(name, size))
    right = 1 - (size // 3) / size if size > 1 else 1.0
    assert abs(model.evaluate(*batch)["accuracy"] - right) < 1e-6


@pytest.mark.parametrize(  # dropout's noise is another one at each step
    ("name", "style", "optimizer", "step"), cases([0, 1051], PLAIN)
)
def test_gradients(name: str, style: str, optimizer: str | None, step: int) -> None:
    reference, model = NUMPY_MODELS[name], a_model(name, style, optimizer)
    set_step(model, step)
    batch = a_batch(name, 5)
    kept = kept_of(model, name, 5)
    p, random = wide(model.variables()), np.random.RandomState(1)
    fed = wide_batch(batch)
    for parameter, gradient in model.gradients(*batch).items():
        gradient = np.asarray(gradient, np.float64)
        # Any direction's slope is that of the loss: along the gradient, and a random one.
        along = gradient / max(float(np.linalg.norm(gradient)), 1e-30)
        for direction in (along, random.choice([-1.0, 1.0], np.shape(gradient))):
            length = 1e-5 * max(float(np.linalg.norm(p[parameter])), 1) / np.linalg.norm(direction)
            ends = [
                reference.loss({**p, parameter: moved}, fed, kept)
                for moved in (p[parameter] - length * direction, p[parameter] + length * direction)
            ]
            slope = (ends[1] - ends[0]) / (2 * length)
            # The curvature that a step of this length meets, beside the roundings.
            allowed = (bound_of(reference) + 1e-3) * np.linalg.norm(gradient)
            assert abs((gradient * direction).sum() - slope) <= allowed, (parameter, slope)
        assert np.linalg.norm(gradient) > 0, parameter


@pytest.mark.parametrize(
    ("name", "style", "optimizer", "step"), cases([0, 1, 131, 1051, 5003], VARIANTS)
)
def test_one_update(name: str, style: str, optimizer: str | None, step: int) -> None:
    reference, model = NUMPY_MODELS[name], a_model(name, style, optimizer, learning_rate=0.003)
    set_slots(model, seed=step)
    set_step(model, step)
    before, slots = wide(model.variables()), wide(model.slots())
    batch = a_batch(name, 5, seed=step)
    gradients = wide(dict(model.gradients(*batch)))
    if clip_norm := getattr(model.config, "clip_norm", None):
        norm = np.sqrt(sum((gradient**2).sum() for gradient in gradients.values()))
        assert norm > clip_norm  # else nothing would be clipped
        gradients = {key: g * clip_norm / norm for key, g in gradients.items()}
    loss = reference.loss(before, wide_batch(batch), kept_of(model, name, 5))
    assert abs(float(np.asarray(model.train_step(*batch))) / loss - 1) < bound_of(reference)
    assert model.step() == step + 1
    update_is_right(model, before, slots, gradients, step)


def update_is_right(
    model: Any,
    before: dict[str, np.ndarray],
    slots: dict[str, np.ndarray],
    gradients: dict[str, np.ndarray],
    step: int,
) -> None:
    """Asserts that parameters and slots are those after an update with these gradients."""
    after, moved = model.variables(), wide(model.slots())
    powers_are_right(moved, step + 1, 0.9)
    for parameter, value in before.items():
        if not slots:
            expected = value - 0.003 * gradients[parameter]
        else:
            of_slots = slots[f"{parameter}/m"], slots[f"{parameter}/v"]
            expected, m, v = adam(value, gradients[parameter], *of_slots, step + 1, 0.003)
            # float32(1 - float32(0.999)) is 1.3e-5 off, and a slot rounds a few times.
            assert distance(moved[f"{parameter}/m"], m) < 1e-6
            assert distance(moved[f"{parameter}/v"], v) < 2e-5
        # Each element: the update with Adam's 1.3e-5, and 1 - beta2 to a small power, which
        # cancels (6e-8 of 1e-3 at the first step); the roundings of a new m that nearly cancels;
        # then one of the parameter.
        allowed = 1.5e-4 * np.abs(expected - value) + 2 * UNIT_ROUNDOFF * np.abs(value) + 1e-12
        if slots:
            terms = np.abs(of_slots[0]) + np.abs(gradients[parameter])
            allowed += 4 * UNIT_ROUNDOFF * 0.003 * terms / (v**0.5 + 1e-8)
        assert (np.abs(after[parameter] - expected) <= allowed).all(), parameter


@pytest.mark.parametrize(
    ("name", "style", "optimizer"),
    [param for param in VARIANTS if param.values[0] == "relu_regression"],
)
def test_epsilon_of_a_line(name: str, style: str, optimizer: str | None) -> None:
    # Beside the gradients of a line nobody sees it; those of networks have elements that are small.
    model = a_model(name, style, optimizer, learning_rate=0.003)
    set_step(model, 131)
    for parameter in ("weight", "bias"):
        assign(model, model.slot_variables()[f"{parameter}/m"], np.float32(1e-7))
        assign(model, model.slot_variables()[f"{parameter}/v"], np.float32(1e-14))
    before, slots = wide(model.variables()), wide(model.slots())
    dead = np.linspace(-30, -20, 5, dtype=np.float32), np.ones(5, np.float32)
    gradients = wide(dict(model.gradients(*dead)))
    assert all(gradient == 0 for gradient in gradients.values())
    model.train_step(*dead)
    update_is_right(model, before, slots, gradients, 131)


def test_every_pair_has_its_mathematics_here() -> None:
    # Two networks trained in turn are held in tests/pairs/test_adversarial.py, batch normalization
    # and averages in tests/pairs/test_residual_network.py.
    assert {*NUMPY_MODELS, "adversarial", "residual_network"} == set(PAIRS)


# ---- that it can fail --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "method", "wrong"),
    [
        ("relu_regression", "forward", lambda self, x: tf.nn.relu6(self.weight * x + self.bias)),
        ("softmax_regression", "loss", lambda self, o, t: tf.reduce_mean((o - t) ** 2)),
        ("mlp", "correct", lambda self, o, t: tf.reduce_sum(tf.cast(tf.argmax(o, 1) > 4, "int32"))),
    ],
)
@pytest.mark.usefixtures("new_models")
def test_a_wrong_model_is_caught(
    name: str, method: str, wrong: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        getattr(PAIRS[name].module("tf2_style"), PAIRS[name].class_name), method, wrong
    )
    checks: dict[str, tuple[Any, ...]] = {
        "forward": (test_predictions,),
        "loss": (test_gradients, 0),
        "correct": (test_metrics, 7),
    }
    check, *more = checks[method]
    with pytest.raises(AssertionError):
        check(name, "tf2_style", None, *more)


@pytest.mark.usefixtures("new_models")
def test_an_update_frozen_late_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    right = PAIRS["softmax_regression"].module("tf2_style").SoftmaxRegression.update

    def frozen(self: Any, gradients: Any) -> None:
        early = tf.cast(self.global_step < 1000, tf.float32)
        right(self, [gradient * early for gradient in gradients])

    monkeypatch.setattr(
        PAIRS["softmax_regression"].module("tf2_style").SoftmaxRegression, "update", frozen
    )
    test_one_update("softmax_regression", "tf2_style", None, 131)
    with pytest.raises(AssertionError, match="weights"):
        test_one_update("softmax_regression", "tf2_style", None, 1051)


@pytest.mark.usefixtures("new_models")
def test_keras_epsilon_of_its_own_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    adam_of_keras = tf.keras.optimizers.Adam
    monkeypatch.setattr(tf.keras.optimizers, "Adam", lambda rate, epsilon: adam_of_keras(rate))
    with pytest.raises(AssertionError, match="weights"):
        test_one_update("mlp", "tf2_style", "keras", 131)
