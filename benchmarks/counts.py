"""The operations and bytes of one training step, counted by hand from the model's definition.

A multiplication and an addition count as one operation each, so that a matrix product
[m, k] x [k, n] takes 2 m k n. Bytes are those of each parameter, each time a step moves it, and of
each input. They must cross the memory bus only where the cache cannot hold them from one step to
the next. Values between layers are taken to stay in the cache, and element-wise operations to be
free: what comes out is a floor, which no program can be below.
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
    bytes: int  # moved
    held: int  # bytes of the parameters, the optimizer's slots and the batch

    def floor(self, seconds_per_operation: float, seconds_per_byte: float, cache: float) -> float:
        """Returns the shortest time of a step, in seconds: computing and moving overlap at best.

        Args:
            seconds_per_operation: of the fastest matrix product.
            seconds_per_byte: of a copy between arrays that no cache holds.
            cache: bytes of the largest cache; 0 if unknown, infinity to count no bytes.
        """
        moving = self.bytes * seconds_per_byte if self.held > cache else 0.0
        return max(self.operations * seconds_per_operation, moving)


def _count(operations: int, batch_values: int, parameters: int, has_adam: bool) -> Count:
    moves, copies = (_ADAM_MOVES, 3) if has_adam else (_SGD_MOVES, 1)
    return Count(
        operations,
        FLOAT * (batch_values + moves * parameters),
        FLOAT * (batch_values + copies * parameters),
    )


def linear_regression(batch: int) -> Count:
    """Counts w x + b (2), error (1), square and mean (2), gradients (2 + 1): 8 per example."""
    return _count(8 * batch, 2 * batch, 2, has_adam=False)


def relu_regression(batch: int) -> Count:
    """Counts as for the line, with the ReLU (1) and its gradient (1): 10 per example."""
    return _count(10 * batch, 2 * batch, 2, has_adam=True)


def softmax_regression(batch: int) -> Count:
    """Counts the logits [batch, 784] x [784, 10] and the gradient [784, batch] x [batch, 10].

    The images' own gradient is not needed.
    """
    product = 2 * batch * 784 * 10
    return _count(2 * product, batch * (784 + 10), 784 * 10 + 10, has_adam=False)


def mlp(batch: int) -> Count:
    """Counts two layers forward, their weights' gradients, and the second layer's inputs' gradient.

    A label is one number of 8 bytes.
    """
    hidden, output = 2 * 784 * 128, 2 * 128 * 10
    parameters = (784 * 128 + 128) + (128 * 10 + 10)
    operations = batch * (2 * hidden + 3 * output)
    return _count(operations, batch * (784 + 2), parameters, has_adam=True)


def cnn(batch: int) -> Count:
    """Counts each layer forward, its weights' gradient and, after the first, its inputs' gradient.

    A 5 x 5 convolution is a product of [pixels, 25 inputs] x [25 inputs, outputs]. At batch 50:
    4.10e9 operations and 131e6 bytes.
    """
    conv1 = 2 * 28 * 28 * (5 * 5 * 1) * 32
    conv2 = 2 * 14 * 14 * (5 * 5 * 32) * 64
    dense = 2 * (7 * 7 * 64) * 1024
    output = 2 * 1024 * 10
    operations = 2 * conv1 + 3 * (conv2 + dense + output)
    parameters = (25 * 32 + 32) + (800 * 64 + 64) + (3136 * 1024 + 1024) + (1024 * 10 + 10)
    return _count(batch * operations, batch * (784 + 10), parameters, has_adam=True)


def residual_network(batch: int) -> Count:
    """Counts as for the CNN, with convolutions of 3 x 3, or of 1 x 1 where a block is skipped.

    Momentum has one slot, and each parameter an average: like Adam's, two copies besides, each
    read and written.
    """
    stem = 2 * 14 * 14 * (3 * 3 * 1) * 8
    block1 = 2 * (2 * 14 * 14 * (3 * 3 * 8) * 8)
    block2 = 2 * 7 * 7 * (3 * 3 * 8 + 3 * 3 * 32 + 8) * 32
    output = 2 * 32 * 10
    operations = 2 * stem + 3 * (block1 + block2 + output)
    kernels = 9 * 8 + 2 * (72 * 8) + (72 + 288 + 8) * 32 + 32 * 10
    norms = 2 * (3 * 8 + 2 * 32)  # gamma and beta of each channel
    return _count(batch * operations, batch * (784 + 10), kernels + norms + 10, has_adam=True)


def recurrent_network(batch: int) -> Count:
    """Counts 20 products [batch, 92] x [92, 256] of the cell, their gradients, and the output.

    Digits are 20 pixels high, so that the longest of a batch has at least so many rows; neither
    the empty rows below it nor the gradient of the images is needed.
    """
    cell = 20 * 2 * (2 * (28 + 64) + 64) * 4 * 64
    output = 3 * 2 * 64 * 10
    parameters = 92 * 256 + 256 + 64 * 10 + 10
    return _count(batch * (cell + output), batch * (784 + 10), parameters, has_adam=True)


def embeddings(batch: int) -> Count:
    """Counts a product of two rows of 8; an id is one number of 8 bytes.

    Adam reads and writes all rows of the tables and of both slots. Of their gradients there are
    only the rows that a batch names, which are counted as nothing.
    """
    held = 3 * (200 + 60) * (8 + 1)
    values = batch * (2 + 2 + 1)
    return Count(2 * batch * 8, FLOAT * (values + 2 * held), FLOAT * (values + held))


def adversarial(batch: int) -> Count:
    """Counts both networks forward, their gradients, and the updated discriminator forward again.

    The discriminator takes real and generated images. Its own update needs no gradient of images;
    the generator's needs that of the generated ones.
    """
    hidden, images = 2 * 32 * 128, 2 * 128 * 784  # the generator's layers
    judged, logit = 2 * 784 * 128, 2 * 128 * 1  # the discriminator's
    forward = (hidden + images) + 2 * 2 * (judged + logit)
    of_discriminator = 2 * (judged + 2 * logit)
    of_generator = 2 * logit + judged + 2 * images + hidden
    operations = batch * (forward + of_discriminator + of_generator)
    norms = 2 * 2 * 128  # gamma and beta of both hidden layers
    parameters = (32 * 128 + 128 * 784 + 784) + (784 * 128 + 128 + 1) + norms
    return _count(operations, batch * (32 + 784), parameters, has_adam=True)


COUNTS: dict[str, Callable[[int], Count]] = {
    "linear_regression": linear_regression,
    "relu_regression": relu_regression,
    "softmax_regression": softmax_regression,
    "mlp": mlp,
    "cnn": cnn,
    "residual_network": residual_network,
    "recurrent_network": recurrent_network,
    "embeddings": embeddings,
    "adversarial": adversarial,
}
