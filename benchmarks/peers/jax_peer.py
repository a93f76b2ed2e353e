"""The models in JAX: `jit` around a step, and `scan` over many."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from benchmarks.clock import Running, repeated, stepwise
from benchmarks.models_and_batches import SETUPS, PeerStart, Workload
from benchmarks.runtimes import UNROLLED

Tree = Any  # nested dictionaries of arrays
Loss = Callable[[Tree, Any, Any, "_Noise"], Any]  # of parameters, inputs, targets and noise

if os.environ.get("NVIDIA_TF32_OVERRIDE") == "0":  # XLA decides by itself what it multiplies by
    jax.config.update("jax_default_matmul_precision", "highest")


def step(start: PeerStart, workload: Workload) -> Running:
    """Trains with one call of a jitted step per step, on NumPy batches."""
    state = _initial_state(start)
    loss_of = _LOSSES[workload.model]
    train_step = jax.jit(_train_step(start, workload.model, loss_of), donate_argnums=0)

    def run(inputs: np.ndarray, targets: np.ndarray) -> Any:
        nonlocal state
        state, loss = train_step(state, (inputs, targets))
        return loss

    return stepwise(run, workload, lambda: state["parameters"])


def unrolled_scan(start: PeerStart, workload: Workload) -> Running:
    """Trains as `scan` does, with several steps per iteration of the loop."""
    return scan(start, workload, UNROLLED)


def transposed_scan(start: PeerStart, workload: Workload) -> Running:
    """Trains softmax regression as `scan` does, with weights that are [10, 784]."""
    weights = np.ascontiguousarray(start.initial["weights"].T)
    turned = start._replace(initial={**start.initial, "weights": weights})
    running = _scan(turned, workload, _transposed_softmax)

    def variables() -> Tree:
        parameters = running.variables()
        return {**parameters, "weights": parameters["weights"].T}

    return running._replace(variables=variables)


def scan(start: PeerStart, workload: Workload, unroll: int = 1) -> Running:
    """Trains with one call of a jitted scan for many steps, on batches already on the device."""
    return _scan(start, workload, _LOSSES[workload.model], unroll)


def _scan(start: PeerStart, workload: Workload, loss_of: Loss, unroll: int = 1) -> Running:
    state = _initial_state(start)
    train_step = _train_step(start, workload.model, loss_of)
    train_steps = jax.jit(lambda *given: lax.scan(train_step, *given, unroll=unroll))
    batches = jax.device_put(workload.arrays)

    def run() -> Any:
        nonlocal state
        state, losses = train_steps(state, batches)
        return losses

    return repeated(run, workload.steps, lambda: state["parameters"])


def _initial_state(start: PeerStart) -> Tree:
    parameters = {name: jnp.array(value) for name, value in start.initial.items()}
    zeros = {name: jnp.zeros_like(value) for name, value in parameters.items()}
    copies = {name: jnp.zeros_like(value) for name, value in parameters.items()}
    return {"parameters": parameters, "m": zeros, "v": copies, "step": jnp.int32(0)}


def _train_step(
    start: PeerStart, model: str, loss_of: Loss
) -> Callable[[Tree, Any], tuple[Tree, Any]]:
    rule = _RULES[SETUPS[model].rule]

    def train_step(state: Tree, batch: Any) -> tuple[Tree, Any]:
        def loss_of_parameters(parameters: Tree) -> Any:
            noise = _Noise(start.keep_probability, state["step"])
            inputs, targets = batch
            return loss_of(parameters, inputs, targets, noise)

        loss, gradients = jax.value_and_grad(loss_of_parameters)(state["parameters"])
        state = {**state, "step": state["step"] + 1}
        return rule(state, gradients, start.learning_rate), loss

    return train_step


class _Noise:
    """Dropout with other random numbers at every step."""

    def __init__(self, keep_probability: float, step: Any) -> None:
        self._keep_probability, self._step = keep_probability, step

    def drop(self, values: Any) -> Any:
        if self._keep_probability == 1:
            return values
        key = jax.random.fold_in(jax.random.key(0), self._step)
        kept = jax.random.bernoulli(key, self._keep_probability, values.shape)
        return jnp.where(kept, values / self._keep_probability, 0)


def _linear(parameters: Tree, inputs: Any, targets: Any, noise: _Noise) -> Any:
    return jnp.mean(jnp.square(parameters["weight"] * inputs + parameters["bias"] - targets))


def _relu(parameters: Tree, inputs: Any, targets: Any, noise: _Noise) -> Any:
    predictions = jax.nn.relu(parameters["weight"] * inputs + parameters["bias"])
    return jnp.sum(jnp.square(predictions - targets))


def _cross_entropies(logits: Any, labels: Any) -> Any:
    return -jnp.sum(labels * jax.nn.log_softmax(logits), axis=1)


def _softmax(parameters: Tree, images: Any, labels: Any, noise: _Noise) -> Any:
    logits = images @ parameters["weights"] + parameters["biases"]
    return jnp.sum(_cross_entropies(logits, labels))


def _transposed_softmax(parameters: Tree, images: Any, labels: Any, noise: _Noise) -> Any:
    return _softmax({**parameters, "weights": parameters["weights"].T}, images, labels, noise)


def _mlp(parameters: Tree, images: Any, labels: Any, noise: _Noise) -> Any:
    hidden = jax.nn.relu(images @ parameters["hidden_weights"] + parameters["hidden_biases"])
    logits = hidden @ parameters["output_weights"] + parameters["output_biases"]
    return jnp.mean(_cross_entropies(logits, jax.nn.one_hot(labels, 10)))


def _cnn(parameters: Tree, images: Any, labels: Any, noise: _Noise) -> Any:
    values = images.reshape(-1, 28, 28, 1)
    for layer in ("conv1", "conv2"):
        values = _convolve(values, parameters[layer + "_weights"]) + parameters[layer + "_biases"]
        values = _pool(jax.nn.relu(values))
    flat = values.reshape(len(images), -1)
    dense = jax.nn.relu(flat @ parameters["dense_weights"] + parameters["dense_biases"])
    logits = noise.drop(dense) @ parameters["output_weights"] + parameters["output_biases"]
    return jnp.mean(_cross_entropies(logits, labels))


def _convolve(values: Any, weights: Any) -> Any:
    layout = ("NHWC", "HWIO", "NHWC")
    return lax.conv_general_dilated(values, weights, (1, 1), "SAME", dimension_numbers=layout)


def _pool(values: Any) -> Any:
    window = (1, 2, 2, 1)
    return lax.reduce_window(values, -jnp.inf, lax.max, window, window, "SAME")


def _sgd(state: Tree, gradients: Tree, rate: float) -> Tree:
    parameters = jax.tree.map(lambda p, g: p - rate * g, state["parameters"], gradients)
    return {**state, "parameters": parameters}


def _adam(state: Tree, gradients: Tree, rate: float) -> Tree:
    """Updates by Kingma and Ba's Adam as TensorFlow does: adds epsilon to the uncorrected root."""
    steps = state["step"].astype(jnp.float32)
    scaled_rate = rate * jnp.sqrt(1 - 0.999**steps) / (1 - 0.9**steps)
    m = jax.tree.map(lambda m, g: m + 0.1 * (g - m), state["m"], gradients)
    v = jax.tree.map(lambda v, g: v + 0.001 * (g * g - v), state["v"], gradients)
    parameters = jax.tree.map(
        lambda p, m, v: p - scaled_rate * m / (jnp.sqrt(v) + 1e-8), state["parameters"], m, v
    )
    return {**state, "parameters": parameters, "m": m, "v": v}


_LOSSES: dict[str, Loss] = {
    "linear_regression": _linear,
    "relu_regression": _relu,
    "softmax_regression": _softmax,
    "mlp": _mlp,
    "cnn": _cnn,
}
_RULES = {"sgd": _sgd, "adam": _adam}
