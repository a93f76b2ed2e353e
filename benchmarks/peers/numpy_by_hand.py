"""The models in NumPy, with gradients derived by hand, except for the CNN."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.clock import Running, stepwise
from benchmarks.models_and_batches import SETUPS, PeerStart, Workload

Arrays = dict[str, np.ndarray]
Gradients = tuple[np.float32, Arrays]


def step(start: PeerStart, workload: Workload) -> Running:
    """Trains with one call per step, in a Python loop."""
    parameters = {name: np.array(value) for name, value in start.initial.items()}
    gradients = GRADIENTS[workload.model]
    update = _RULES[SETUPS[workload.model].rule](parameters, start.learning_rate)

    def train_step(inputs: np.ndarray, targets: np.ndarray) -> np.float32:
        loss, found = gradients(parameters, inputs, targets)
        update(found)
        return loss

    return stepwise(train_step, workload, lambda: parameters)


def _linear(parameters: Arrays, inputs: np.ndarray, targets: np.ndarray) -> Gradients:
    error = parameters["weight"] * inputs + parameters["bias"] - targets
    scale = np.float32(2 / len(inputs))
    loss = np.mean(error * error)
    return loss, {"weight": scale * (error @ inputs), "bias": scale * error.sum()}


def _relu(parameters: Arrays, inputs: np.ndarray, targets: np.ndarray) -> Gradients:
    line = parameters["weight"] * inputs + parameters["bias"]
    error = np.maximum(line, 0) - targets
    slope = np.where(line > 0, 2 * error, np.float32(0))
    return error @ error, {"weight": slope @ inputs, "bias": slope.sum()}


def _softmax(parameters: Arrays, images: np.ndarray, labels: np.ndarray) -> Gradients:
    logits = images @ parameters["weights"] + parameters["biases"]
    logits -= logits.max(axis=1, keepdims=True)
    exponentials = np.exp(logits)
    sums = exponentials.sum(axis=1, keepdims=True)
    loss = (np.log(sums) - (labels * logits).sum(axis=1, keepdims=True)).sum()
    error = exponentials / sums - labels
    return loss, {"weights": images.T @ error, "biases": error.sum(axis=0)}


def _mlp(parameters: Arrays, images: np.ndarray, labels: np.ndarray) -> Gradients:
    line = images @ parameters["hidden_weights"] + parameters["hidden_biases"]
    hidden = np.maximum(line, 0)
    logits = hidden @ parameters["output_weights"] + parameters["output_biases"]
    logits -= logits.max(axis=1, keepdims=True)
    exponentials = np.exp(logits)
    sums = exponentials.sum(axis=1, keepdims=True)
    rows = np.arange(len(labels))
    loss = np.mean(np.log(sums[:, 0]) - logits[rows, labels])
    error = exponentials / sums
    error[rows, labels] -= 1
    error /= np.float32(len(labels))
    hidden_error = np.where(line > 0, error @ parameters["output_weights"].T, np.float32(0))
    return loss, {
        "hidden_weights": images.T @ hidden_error,
        "hidden_biases": hidden_error.sum(axis=0),
        "output_weights": hidden.T @ error,
        "output_biases": error.sum(axis=0),
    }


def _sgd(parameters: Arrays, rate: float) -> Callable[[Arrays], None]:
    step_size = np.float32(rate)

    def update(gradients: Arrays) -> None:
        for name, gradient in gradients.items():
            parameters[name] -= step_size * gradient

    return update


def _adam(parameters: Arrays, rate: float) -> Callable[[Arrays], None]:
    """Returns the update of Kingma and Ba's Adam, in section 2's order as TensorFlow 1 has it."""
    m = {name: np.zeros_like(value) for name, value in parameters.items()}
    v = {name: np.zeros_like(value) for name, value in parameters.items()}
    powers = np.ones(2)
    betas = np.array([0.9, 0.999])

    def update(gradients: Arrays) -> None:
        nonlocal powers
        powers = powers * betas
        step_size = np.float32(rate * np.sqrt(1 - powers[1]) / (1 - powers[0]))
        for name, gradient in gradients.items():
            m[name] += np.float32(0.1) * (gradient - m[name])
            v[name] += np.float32(0.001) * (gradient * gradient - v[name])
            parameters[name] -= step_size * m[name] / (np.sqrt(v[name]) + np.float32(1e-8))

    return update


GRADIENTS: dict[str, Callable[[Arrays, np.ndarray, np.ndarray], Gradients]] = {
    "linear_regression": _linear,
    "relu_regression": _relu,
    "softmax_regression": _softmax,
    "mlp": _mlp,
}
_RULES = {"sgd": _sgd, "adam": _adam}
