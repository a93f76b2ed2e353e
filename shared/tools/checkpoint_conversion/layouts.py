"""Layouts of recurrent cells: one kernel and other gates in TF1, two kernels in Keras.

Sources: tensorflow/python/ops/rnn_cell_impl.py of 1.15 (LSTMCell, GRUCell) and
keras/src/layers/rnn/{lstm,gru}.py of Keras 3. i: inputs, u: units.

LSTM. TF1: kernel [i + u, 4u] and bias [4u], gates i, j, f, o, and adds `forget_bias` to f when it
runs. Keras: kernel [i, 4u], recurrent_kernel [u, 4u], bias [4u], gates i, f, c, o, with the forget
bias inside. GRU. TF1: gates/kernel [i + u, 2u] and gates/bias [2u], r and u;
candidate/kernel [i + u, u] and candidate/bias [u]. Keras, with reset_after=False: kernel [i, 3u],
recurrent_kernel [u, 3u], bias [3u], gates z, r, h, where z is TF1's u.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from shared.errors import UsageError

GATES = {"lstm": 4, "gru": 3}
TF1_TENSORS = {"lstm": 2, "gru": 4}


@dataclasses.dataclass(frozen=True)
class Recurrent:
    """The tensors of one recurrent cell on both sides.

    Attributes:
        cell: "lstm" or "gru".
        tf1: lstm: kernel, bias; gru: gates/kernel, gates/bias, candidate/kernel, candidate/bias.
        tf2: kernel, recurrent_kernel, bias.
        forget_bias: what TF1's LSTM adds to f when it runs; no checkpoint holds it.
        unsure: why a person has to check it; nothing is converted while this is there.
    """

    cell: str
    tf1: tuple[str, ...]
    tf2: tuple[str, ...]
    forget_bias: float = 1.0
    unsure: str = ""


def shapes(cell: str, inputs: int, units: int) -> tuple[list[tuple[int, ...]], ...]:
    """Returns the shapes of a cell's tensors in TF1 and in Keras."""
    rows, width = inputs + units, GATES[cell] * units
    tf2 = [(inputs, width), (units, width), (width,)]
    if cell == "lstm":
        return [(rows, width), (width,)], tf2
    return [(rows, 2 * units), (2 * units,), (rows, units), (units,)], tf2


def require_shapes(
    layout: Recurrent, tf1: Sequence[tuple[int, ...]], tf2: Sequence[tuple[int, ...]], origin: str
) -> None:
    """Raises UsageError unless tensors have the shapes of one cell."""
    inputs, units = (shape[0] if shape else 0 for shape in tf2[:2])
    expected = shapes(layout.cell, inputs, units)
    if (list(tf1), list(tf2)) != expected:
        raise UsageError(
            f"{origin}: [[recurrent]] {layout.tf1[0]}: expected shapes {expected[0]} in TF1 and "
            f"{expected[1]} in Keras (a GRU with reset_after=False); found {list(tf1)} and "
            f"{list(tf2)}"
        )


def to_keras(cell: str, tensors: Sequence[np.ndarray], forget_bias: float) -> list[np.ndarray]:
    """Returns Keras's kernel, recurrent_kernel and bias of TF1's tensors, in their dtype."""
    units = tensors[-1].shape[0] // (4 if cell == "lstm" else 1)
    if cell == "lstm":
        kernel, bias = (_reordered(tensor, [0, 2, 1, 3]) for tensor in tensors)
        bias[units : 2 * units] += bias.dtype.type(forget_bias)
    else:
        kernel, bias = (
            np.concatenate([_reordered(gates, [1, 0]), candidate], axis=-1)
            for gates, candidate in zip(tensors[:2], tensors[2:], strict=True)
        )
    return [kernel[:-units], kernel[-units:], bias]


def to_tf1(cell: str, tensors: Sequence[np.ndarray], forget_bias: float) -> list[np.ndarray]:
    """Returns TF1's tensors of Keras's kernel, recurrent_kernel and bias, in their dtype."""
    units = tensors[1].shape[0]
    kernel, bias = np.concatenate(tensors[:2]), tensors[2].copy()
    if cell == "lstm":
        bias[units : 2 * units] -= bias.dtype.type(forget_bias)
        return [_reordered(tensor, [0, 2, 1, 3]) for tensor in (kernel, bias)]
    split = [(_reordered(t[..., : 2 * units], [1, 0]), t[..., 2 * units :]) for t in (kernel, bias)]
    return [split[0][0], split[1][0], split[0][1], split[1][1]]


def _reordered(tensor: np.ndarray, order: Sequence[int]) -> np.ndarray:
    """Returns a copy with the equal parts of the last axis in another order."""
    parts = np.split(tensor, len(order), axis=-1)
    return np.concatenate([parts[part] for part in order], axis=-1)
