"""Puts a model of either style into any state: parameters, slots and the count of steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np


def assign(model: Any, handle: Any, value: Any) -> None:
    """Gives one variable of a model of either style a value."""
    if hasattr(model, "session"):
        with model.graph.as_default():  # outside of any graph, TensorFlow 2 looks for a value
            handle.load(value, model.session)
    else:
        handle.assign(value)


def set_parameters(model: Any, values: Mapping[str, np.ndarray]) -> None:
    """Gives the parameters these values by name."""
    for name, value in values.items():
        assign(model, model.parameters[name], np.asarray(value, np.float32))


def set_step(model: Any, step: int) -> None:
    """Makes a model believe that it has made `step` updates, powers of beta among it."""
    assign(model, model.global_step, np.int64(step))
    slots = model.slot_variables()
    for name, beta in (("beta1_power", 0.9), ("beta2_power", 0.999)):
        if name in slots:
            assign(model, slots[name], np.float32(beta ** (step + 1)))
    if hasattr(getattr(model, "optimizer", None), "iterations"):  # Keras computes the powers
        model.optimizer.iterations.assign(step)


def set_slots(model: Any, seed: int) -> dict[str, np.ndarray]:
    """Gives `m` and `v` random values of every size; returns them by slot name."""
    random, values = np.random.RandomState(seed), {}
    for name, value in model.slots().items():
        if name.endswith(("/m", "/v")):
            size = 10.0 ** random.uniform(-16, -2, np.shape(value))
            sign = random.choice([-1, 1], np.shape(value))
            values[name] = np.asarray(size if name.endswith("/v") else sign * size**0.5, np.float32)
    handles = model.slot_variables()
    for name, value in values.items():
        assign(model, handles[name], value)
    return values


def powers_are_right(slots: Mapping[str, np.ndarray], step: int, beta1: float) -> None:
    """Asserts that powers of beta, where an optimizer has them, are those after `step` updates."""
    for name, power in slots.items():
        if name.endswith("_power"):
            expected = (beta1 if name.endswith("beta1_power") else 0.999) ** (step + 1)
            # Three roundings: of the power before, of beta and of their product.
            allowed = 3 * 2.0**-24 * expected + np.finfo(np.float32).tiny
            assert abs(float(power) - expected) <= allowed, name
