"""The operations and bytes of one training step, counted by hand from the model's definition.

A multiplication and an addition count as one operation each, so that a matrix product
[m, k] x [k, n] takes 2 m k n. Bytes are those that must cross the memory bus at least once: each
parameter and each input. Values between layers are taken to stay in the cache, and element-wise
operations to be free: what comes out is a floor, which no program can be below.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

FLOAT = 4  # bytes of a float32

# How often a step moves each parameter: read forward, read backward, gradient written and read,
# parameter read and written.
_SGD_MOVES = 6
# Adam reads and writes `m` and `v` besides.
_ADAM_MOVES = _SGD_MOVES + 4


class Count(NamedTuple):
    """What one step must do at least."""

    operations: int  # floating-point
    bytes: int

    def floor(self, seconds_an_operation: float, seconds_a_byte: float) -> float:
        """The shortest time of a step, in seconds: computing and moving overlap at best."""
        return max(self.operations * seconds_an_operation, self.bytes * seconds_a_byte)


def linear_regression(batch: int) -> Count:
    """Forward w x + b (2), error (1), square and mean (2), gradients (2 + 1): 8 an example."""
    return Count(8 * batch, FLOAT * (2 * batch + 2 * _SGD_MOVES))


def relu_regression(batch: int) -> Count:
    """As the line, with the ReLU (1) and its gradient (1): 10 an example."""
    return Count(10 * batch, FLOAT * (2 * batch + 2 * _ADAM_MOVES))


def softmax_regression(batch: int) -> Count:
    """Logits [batch, 784] x [784, 10]; gradient [784, batch] x [batch, 10].

    The images' own gradient is not needed.
    """
    product = 2 * batch * 784 * 10
    parameters = 784 * 10 + 10
    return Count(2 * product, FLOAT * (batch * (784 + 10) + parameters * _SGD_MOVES))


def cnn(batch: int) -> Count:
    """Each layer forward, its weights' gradient and, but for the first, its inputs' gradient.

    A 5 x 5 convolution is a product of [pixels, 25 inputs] x [25 inputs, outputs]. At batch 50:
    4.10e9 operations and 131e6 bytes.
    """
    conv1 = 2 * 28 * 28 * (5 * 5 * 1) * 32
    conv2 = 2 * 14 * 14 * (5 * 5 * 32) * 64
    dense = 2 * (7 * 7 * 64) * 1024
    output = 2 * 1024 * 10
    operations = 2 * conv1 + 3 * (conv2 + dense + output)
    parameters = (25 * 32 + 32) + (800 * 64 + 64) + (3136 * 1024 + 1024) + (1024 * 10 + 10)
    return Count(batch * operations, FLOAT * (batch * (784 + 10) + parameters * _ADAM_MOVES))


COUNTS: dict[str, Callable[[int], Count]] = {
    "linear_regression": linear_regression,
    "relu_regression": relu_regression,
    "softmax_regression": softmax_regression,
    "cnn": cnn,
}
