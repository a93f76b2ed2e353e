"""Stacks of dense layers: what they give with each activation, and their gradients.

A layer is h = act(x W + b), or act(norm(x W)) with batch normalization over the rows. The layers
are found by shapes: each kernel takes what the one before it gives, in the order of creation.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np

from shared.tools.compare.loss_laws import sigmoid

Arrays = Mapping[str, np.ndarray]
_DEEPEST = 3  # hidden layers
_MOST_STACKS = 64  # ways to read the variables of one program as a stack
_MOST_WORK = 2e9  # multiplications in all forms together: about two seconds
_EPSILONS = (1e-3, 1e-5)  # of batch normalization, as TensorFlow's layers and papers have it
_OF_NORM = ("gamma", "beta", "moving_mean", "moving_variance")
_erf = np.vectorize(math.erf, otypes=[float])

ACTIVATIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "relu": lambda x: np.maximum(x, 0),
    "tanh": np.tanh,
    "sigmoid": sigmoid,
    "no activation": lambda x: x,
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    # Klambauer et al. 2017, as TensorFlow rounds the two constants.
    "selu": lambda x: (
        1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(np.minimum(x, 0)))
    ),
    "softplus": lambda x: np.logaddexp(0, x),
    "softsign": lambda x: x / (1 + np.abs(x)),
    "leaky relu of slope 0.2 (tf.nn.leaky_relu)": lambda x: np.where(x > 0, x, 0.2 * x),
    "leaky relu of slope 0.3 (Keras's LeakyReLU)": lambda x: np.where(x > 0, x, 0.3 * x),
    "leaky relu of slope 0.01": lambda x: np.where(x > 0, x, 0.01 * x),
    "swish": lambda x: x * sigmoid(x),
    "gelu": lambda x: x * (1 + _erf(x / math.sqrt(2))) / 2,
    "gelu approximated by tanh": lambda x: (
        x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2
    ),
}


class Layer(NamedTuple):
    """A dense layer's kernel [in, out], and its bias [out] or its gamma and beta [out], by name."""

    kernel: str
    bias: str | None
    norm: tuple[str, str] | None


class Form(NamedTuple):
    """The activation of each hidden layer, and the epsilon of their batch normalization."""

    activations: tuple[str, ...]
    epsilon: float


class Stack(NamedTuple):
    """Hidden layers over one tensor of the batch, whose rows are flattened."""

    source: str
    layers: tuple[Layer, ...]

    @property
    def variables(self) -> tuple[str, ...]:
        """Returns the names of all that the layers have."""
        names = [(layer.kernel, layer.bias, *(layer.norm or ())) for layer in self.layers]
        return tuple(n for n in itertools.chain(*names) if n is not None)

    def forms(self) -> tuple[Form, ...]:
        """Returns the forms of a whole model: one activation in all of its hidden layers."""
        has_norm = any(layer.norm for layer in self.layers)
        epsilons = _EPSILONS if has_norm else (0.0,)
        if not self.layers:
            return (Form((), 0.0),)
        depth = len(self.layers)
        return tuple(Form((word,) * depth, eps) for eps in epsilons for word in ACTIVATIONS)

    def forms_near(self, form: Form) -> tuple[Form, ...]:
        """Returns what a port may make of a form: another activation in one layer, or in all."""
        near = dict.fromkeys(self.forms())
        for place in range(len(self.layers)):
            for word in ACTIVATIONS:
                changed = list(form.activations)
                changed[place] = word
                near[Form(tuple(changed), form.epsilon)] = None
        return tuple(near)

    def output(self, batch: Arrays, variables: Arrays, form: Form) -> np.ndarray:
        """Returns the last hidden layer's output [rows, width]; the input's where there is none."""
        h = rows_of(batch[self.source])
        for layer, word in zip(self.layers, form.activations, strict=True):
            h = ACTIVATIONS[word](_before(layer, h, variables, form.epsilon))
        return h

    def gradients(
        self, batch: Arrays, variables: Arrays, form: Form, of_output: np.ndarray
    ) -> Arrays:
        """Returns the gradients of the layers' kernels and biases, from that of the output.

        Args:
            batch: has `source` [rows, ...].
            variables: by name.
            form: of layers without batch normalization.
            of_output: the gradients of any function by the output, [functions, rows, width].

        Returns:
            By name, [functions, *shape of the variable].
        """
        inputs, slopes = [], []
        h = rows_of(batch[self.source])
        for layer, word in zip(self.layers, form.activations, strict=True):
            before = _before(layer, h, variables, 0.0)
            inputs.append(h)
            h = ACTIVATIONS[word](before)
            slopes.append(_slope(ACTIVATIONS[word], before))
        found, of_h = {}, of_output
        for layer, x, slope in zip(self.layers[::-1], inputs[::-1], slopes[::-1], strict=True):
            of_before = of_h * slope
            found[layer.kernel] = np.einsum("ri,fro->fio", x, of_before, optimize=True)
            if layer.bias is not None:
                found[layer.bias] = of_before.sum(axis=1)
            of_h = of_before @ variables[layer.kernel].T
        return found


def rows_of(x: np.ndarray) -> np.ndarray:
    """Returns a batch as [rows, all else]."""
    return x.reshape(len(x), -1)


def _before(layer: Layer, x: np.ndarray, variables: Arrays, epsilon: float) -> np.ndarray:
    """Returns what a layer's activation is applied to."""
    found = x @ variables[layer.kernel]
    if layer.norm is not None:
        gamma, beta = (variables[n] for n in layer.norm)
        centred = found - found.mean(axis=0)
        found = gamma * centred / np.sqrt((centred**2).mean(axis=0) + epsilon) + beta
    return found if layer.bias is None else found + variables[layer.bias]


def _slope(activation: Callable[[np.ndarray], np.ndarray], x: np.ndarray) -> np.ndarray:
    h = 1e-5  # central differences are off by h**2 = 1e-10, less than a rounding of float32
    return (activation(x + h) - activation(x - h)) / (2 * h)


def stacks(batch: Arrays, variables: Arrays) -> Iterator[Stack]:
    """Yields the ways to read variables as hidden layers, from none to three of them.

    Args:
        batch: by name; each tensor of two or more axes may be the input.
        variables: by name, in the order of creation.
    """
    for source, x in batch.items():
        if x.ndim < 2 or not x.size:
            continue
        found = _deeper((), x[0].size, 0, variables)
        for layers in itertools.islice(found, _MOST_STACKS):
            work = len(x) * sum(variables[layer.kernel].size for layer in layers)
            if work * len(ACTIVATIONS) <= _MOST_WORK:
                yield Stack(source, layers)


def _deeper(
    layers: tuple[Layer, ...], width: int, first: int, variables: Arrays
) -> Iterator[tuple[Layer, ...]]:
    yield layers
    if len(layers) == _DEEPEST:
        return
    kernels = [n for n, v in variables.items() if v.ndim == 2]
    for place in range(first, len(kernels)):
        kernel = variables[kernels[place]]
        if len(kernel) == width:
            for layer in _layers(kernels[place], kernel.shape[1], layers, variables):
                yield from _deeper((*layers, layer), kernel.shape[1], place + 1, variables)


def _layers(
    kernel: str, width: int, before: tuple[Layer, ...], variables: Arrays
) -> Iterator[Layer]:
    """Yields a kernel with each bias, or pair of gamma and beta, that no earlier layer has."""
    used = set(Stack("", before).variables)
    free = [n for n, v in variables.items() if v.shape == (width,) and n not in used]
    by_end = {n.rpartition("/")[2]: n for n in free[::-1]}  # of several the first
    if "gamma" in by_end and "beta" in by_end:
        yield Layer(kernel, None, (by_end["gamma"], by_end["beta"]))
        free = [n for n in free if n.rpartition("/")[2] not in _OF_NORM]
    for bias in [*free, None]:
        yield Layer(kernel, bias, None)
