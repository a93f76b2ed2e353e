"""The mathematics of each pair in float64 NumPy: neither TensorFlow style is the judge.

A mistake that both styles share, which no comparison of the two can see, shows against these.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

Arrays = Mapping[str, np.ndarray]


def cross_entropies(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Returns the cross-entropy of each row; labels are classes [n] or one-hot [n, 10]."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_softmax = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -(one_hot(labels) * log_softmax).sum(axis=1)


def of_logits(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Returns the gradient of the mean cross-entropy by the logits; labels as above."""
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (shares / shares.sum(axis=1, keepdims=True) - one_hot(labels)) / len(labels)


def one_hot(labels: np.ndarray) -> np.ndarray:
    return labels if labels.ndim == 2 else np.eye(10)[labels]


def right_class(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return logits.argmax(axis=1) == one_hot(labels).argmax(axis=1)


def squares(predictions: np.ndarray, targets: np.ndarray) -> np.ndarray:
    return (predictions - targets) ** 2


def near(predictions: np.ndarray, targets: np.ndarray) -> np.ndarray:
    return np.abs(predictions - targets) < 0.01


def line(p: Arrays, x: np.ndarray, kept: Any = None) -> np.ndarray:
    return p["weight"] * x + p["bias"]


def relu_line(p: Arrays, x: np.ndarray, kept: Any = None) -> np.ndarray:
    return np.maximum(line(p, x), 0)


def softmax(p: Arrays, images: np.ndarray, kept: Any = None) -> np.ndarray:
    return images @ p["weights"] + p["biases"]


def mlp(p: Arrays, images: np.ndarray, kept: Any = None) -> np.ndarray:
    hidden = np.maximum(images @ p["hidden_weights"] + p["hidden_biases"], 0)
    return hidden @ p["output_weights"] + p["output_biases"]


def convolve(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Returns the convolution of stride 1, padded with zeros to the same height and width."""
    margin = weights.shape[0] // 2
    padded = np.pad(values, [(0, 0), (margin, margin), (margin, margin), (0, 0)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, weights.shape[:2], axis=(1, 2))
    return np.einsum("bhwikl,klio->bhwo", windows, weights, optimize=True)


def pool(values: np.ndarray) -> np.ndarray:
    """Returns the maximum of every 2 x 2 square."""
    batch, height, width, channels = values.shape
    return values.reshape(batch, height // 2, 2, width // 2, 2, channels).max(axis=(2, 4))


def cnn(p: Arrays, images: np.ndarray, kept: np.ndarray | None = None) -> np.ndarray:
    """Returns the logits; `kept` [batch, 1024] is 0, or 1 / keep_probability, for each unit."""
    pixels = images.reshape(-1, 28, 28, 1)
    first = pool(np.maximum(convolve(pixels, p["conv1_weights"]) + p["conv1_biases"], 0))
    second = pool(np.maximum(convolve(first, p["conv2_weights"]) + p["conv2_biases"], 0))
    dense = second.reshape(len(images), -1) @ p["dense_weights"] + p["dense_biases"]
    dropped = np.maximum(dense, 0) * (1 if kept is None else kept)
    return dropped @ p["output_weights"] + p["output_biases"]


def sigmoid(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-values))


def recurrent(p: Arrays, images: np.ndarray, kept: np.ndarray | None = None) -> np.ndarray:
    """Returns the logits; `kept` [batch, 64] is 0, or 1 / keep_probability, for each unit."""
    rows = images.reshape(-1, 28, 28)
    output = cell = np.zeros([len(rows), 64])
    numbers = (rows.max(axis=2) > 0) * np.arange(1, 29)
    lengths = np.maximum(numbers.max(axis=1), 1)
    for row in range(28):
        gates = np.concatenate([rows[:, row], output], axis=1) @ p["rnn/lstm_cell/kernel"]
        i, j, f, o = np.split(gates + p["rnn/lstm_cell/bias"], 4, axis=1)
        new_cell = sigmoid(f + 1) * cell + sigmoid(i) * np.tanh(j)
        reads = (row < lengths)[:, np.newaxis]
        output = np.where(reads, sigmoid(o) * np.tanh(new_cell), output)
        cell = np.where(reads, new_cell, cell)
    dropped = output * (1 if kept is None else kept)
    return dropped @ p["output_weights"] + p["output_biases"]


def factorization(p: Arrays, users: np.ndarray, items: np.ndarray, kept: Any = None) -> np.ndarray:
    products = (p["user_rows"][users] * p["item_rows"][items]).sum(axis=1)
    return 3 + p["user_biases"][users] + p["item_biases"][items] + products


def used_rows(p: Arrays, users: np.ndarray, items: np.ndarray) -> np.ndarray:
    """Returns 0.02 of the squares of the rows that each example uses."""
    rows = np.concatenate([p["user_rows"][users], p["item_rows"][items]], axis=1)
    return 0.02 * (rows**2).sum(axis=1)


def nothing(p: Arrays, *inputs: np.ndarray) -> float:
    return 0.0


def within_half(predictions: np.ndarray, ratings: np.ndarray) -> np.ndarray:
    return np.abs(predictions - ratings) < 0.5


class NumpyModel(NamedTuple):
    """One pair's mathematics.

    `terms` is how many numbers its longest chain of sums adds up, from which the tolerance of its
    float32 twins follows.
    """

    forward: Callable[..., np.ndarray]  # parameters by name, inputs, what dropout keeps
    losses: Callable[[np.ndarray, np.ndarray], np.ndarray]  # of each example
    reduce: Callable[[np.ndarray], Any]  # from the examples' losses to the batch's
    correct: Callable[[np.ndarray, np.ndarray], np.ndarray] | None
    terms: int
    optimizer: str = "adam"
    penalties: Callable[..., Any] = nothing  # beside each example's loss: parameters, inputs

    def loss(self, p: Arrays, batch: Sequence[np.ndarray], kept: Any = None) -> float:
        """Returns the loss of a batch of inputs and, last, targets."""
        return float(self.reduce(self.example_losses(p, batch, kept)))

    def example_losses(
        self, p: Arrays, batch: Sequence[np.ndarray], kept: Any = None
    ) -> np.ndarray:
        """Returns the loss of each example."""
        *inputs, targets = batch
        losses = self.losses(self.forward(p, *inputs, kept=kept), targets)
        return losses + self.penalties(p, *inputs)


NUMPY_MODELS = {
    "linear_regression": NumpyModel(line, squares, np.mean, None, 1000, "sgd"),
    "relu_regression": NumpyModel(relu_line, squares, np.sum, near, 100),
    "softmax_regression": NumpyModel(softmax, cross_entropies, np.sum, right_class, 784, "sgd"),
    "mlp": NumpyModel(mlp, cross_entropies, np.mean, right_class, 784 + 128),
    "cnn": NumpyModel(cnn, cross_entropies, np.mean, right_class, 25 + 800 + 3136 + 1024),
    "recurrent_network": NumpyModel(
        recurrent, cross_entropies, np.mean, right_class, 28 * (28 + 64) + 64
    ),
    "embeddings": NumpyModel(factorization, squares, np.mean, within_half, 64, penalties=used_rows),
}


def adam(
    p: np.ndarray,
    gradient: np.ndarray,
    m: np.ndarray,
    v: np.ndarray,
    step: int,
    rate: float,
    beta1: float = 0.9,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns parameter, m and v after update `step`, counted from 1 (Kingma and Ba 2015, 2.1)."""
    m, v = m + (1 - beta1) * (gradient - m), v + 0.001 * (gradient**2 - v)
    corrected = rate * (1 - 0.999**step) ** 0.5 / (1 - beta1**step)
    return p - corrected * m / (v**0.5 + 1e-8), m, v
