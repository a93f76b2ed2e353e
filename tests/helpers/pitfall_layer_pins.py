"""The numbers of the pitfalls of layers, computed from the formulas in float64."""

from __future__ import annotations

import math

import numpy as np

from pitfall_checks import Pin

_ROUNDED = 1e-6  # some twenty roundings of up to 6e-8, through sigmoid and tanh of float32


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def _lstm(order: str, forget_bias: float) -> list[float]:
    """Outputs of one unit for the inputs 1 and 2; `order` names the columns of the kernel."""
    kernel = dict(zip(order, np.array([[0.1, 0.2, 0.3, 0.4], [0.5, 0.6, 0.7, 0.8]]).T, strict=True))
    state = output = 0.0
    outputs = []
    for x in (1.0, 2.0):
        gates = {name: float(np.dot([x, output], column)) for name, column in kernel.items()}
        i, f, o = (
            float(_sigmoid(np.array(gates[name] + (forget_bias if name == "f" else 0.0))))
            for name in "ifo"
        )
        state = f * state + i * math.tanh(gates["j"])
        output = o * math.tanh(state)
        outputs.append(output)
    return outputs


def _gru(order: str, reset_after: bool) -> list[float]:
    """Last output of two units for the inputs 1 and 2; `order` names the halves of the gates."""
    halves = np.split(np.linspace(-1.0, 1.0, 12).reshape([3, 4]), 2, axis=1)
    gates = dict(zip(order, halves, strict=True))
    candidate = np.linspace(1.0, -1.0, 6).reshape([3, 2])
    h = np.zeros(2)
    for x in (1.0, 2.0):
        r, u = (_sigmoid(np.concatenate([[x], h]) @ gates[name] + 1.0) for name in "ru")
        through = r * (h @ candidate[1:]) if reset_after else (r * h) @ candidate[1:]
        h = u * h + (1 - u) * np.tanh(x * candidate[0] + through)
    return [float(value) for value in h]


def _cubic(distance: float, a: float) -> float:
    """The weight of a pixel in cubic convolution (Keys 1981), at a distance below 2."""
    d = abs(distance)
    if d <= 1:
        return (a + 2) * d**3 - (a + 3) * d**2 + 1
    return a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a


def _bicubic_of_corners() -> list[float]:
    """Pixels 0 1 at 0, 1/2, 1, 3/2, with a = -3/4; what is beyond the edge is the edge."""
    positions = (0.0, 0.5, 1.0, 1.5)
    return [sum(_cubic(x - at, -0.75) for at in range(1, 5) if abs(x - at) < 2) for x in positions]


def _bicubic_of_centres() -> list[float]:
    """Pixels 0 1 at -1/4, 1/4, 3/4, 5/4, with a = -1/2; what is beyond the edge has no weight."""
    positions = (-0.25, 0.25, 0.75, 1.25)
    return [_cubic(x - 1, -0.5) / (_cubic(x, -0.5) + _cubic(x - 1, -0.5)) for x in positions]


_NO_CONTRIB = "ImportError: cannot import name 'contrib' from 'tensorflow'"
_AS_IS = "weights as they are"
_ORDERED = "gates in Keras's order"

LAYER_PINS: dict[str, dict[str, Pin]] = {
    "batch-norm-variance": {
        # Squares of -3/2, -1/2, 1/2, 3/2 over 3 and over 4; three roundings of up to 6e-8.
        "moving variance after a batch of 1 2 3 4, momentum 0": Pin(5 / 3, 5 / 4, relative=2e-7)
    },
    "frozen-batch-norm": {
        # -1 and 1 over the root of 1 + 1e-3 in the batch's mode; 2 over it in that of the averages.
        "2 of a batch 0 2, normalized by a frozen layer": Pin(
            1 / math.sqrt(1.001), 2 / math.sqrt(1.001), relative=_ROUNDED
        ),
        "moving mean after that batch, momentum 1/2": Pin(1 / 2, 0.0),
        "gamma after a step": Pin(1.0, 1.0),
    },
    "contrib-batch-norm": {
        "2 of a batch 0 2, normalized": Pin(
            _NO_CONTRIB, 1 / math.sqrt(1.001), tf115=1 / math.sqrt(1.001), relative=_ROUNDED
        ),
        "moving mean after that batch": Pin(
            _NO_CONTRIB, 1 - 0.99, tf115=1 - 0.999, relative=_ROUNDED
        ),
        "trained variables": Pin(_NO_CONTRIB, 2, tf115=1),
    },
    "lstm-layout": {
        f"outputs for inputs 1 and 2, {_AS_IS}": Pin(
            _lstm("ijfo", 1.0), _lstm("ifjo", 0.0), relative=_ROUNDED
        ),
        f"outputs for inputs 1 and 2, {_ORDERED}": Pin(
            _lstm("ijfo", 1.0), _lstm("ijfo", 0.0), relative=_ROUNDED
        ),
    },
    "gru-layout": {
        f"output after inputs 1 and 2, {_AS_IS}": Pin(
            _gru("ru", False), _gru("ur", True), relative=_ROUNDED
        ),
        f"output after inputs 1 and 2, {_ORDERED}": Pin(
            _gru("ru", False), _gru("ru", True), relative=_ROUNDED
        ),
        "initial bias of the gates": Pin(1.0, 0.0),
    },
    "resize-pixels": {
        "pixels 0 1 made four, bilinear": Pin([0, 1 / 2, 1, 1], [0, 1 / 4, 3 / 4, 1]),
        "pixels 0 1 made four, bicubic": Pin(
            _bicubic_of_corners(), _bicubic_of_centres(), relative=_ROUNDED
        ),
        "pixels 0 1 2 3 made two, nearest": Pin([0, 2], [1, 3]),
    },
}
