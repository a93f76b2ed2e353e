"""The models in PyTorch: autograd and `torch.optim`, one call per step."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional

from benchmarks.clock import Running, cycled
from benchmarks.models_and_batches import SETUPS, PeerStart, Workload

Tensors = dict[str, torch.Tensor]


def step(start: PeerStart, workload: Workload) -> Running:
    """Trains with eager PyTorch, on batches that are on the device already."""
    device = first_device()
    parameters = {
        name: torch.tensor(value, device=device, requires_grad=True)
        for name, value in start.initial.items()
    }
    optimizer = _RULES[SETUPS[workload.model].rule](parameters.values(), start.learning_rate)
    batches = [
        (torch.tensor(inputs, device=device), torch.tensor(targets, device=device))
        for inputs, targets in zip(*workload.arrays, strict=True)
    ]
    loss_of = _LOSSES[workload.model]

    def train_step(inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        optimizer.zero_grad()
        loss = loss_of(parameters, inputs, targets, start.keep_probability)
        loss.backward()
        optimizer.step()
        return loss.detach().cpu() if device == "cuda" else loss.detach()

    return cycled(train_step, batches, lambda: _values(parameters))


def first_device() -> str:
    """Returns cuda or cpu; on a GPU, multiplies as TensorFlow does, by TF32 unless that is off."""
    if not torch.cuda.is_available():
        return "cpu"
    tf32 = os.environ.get("NVIDIA_TF32_OVERRIDE") != "0"
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32
    return "cuda"


def _values(parameters: Tensors) -> dict[str, Any]:
    return {name: value.detach().cpu().numpy() for name, value in parameters.items()}


def _linear(p: Tensors, inputs: torch.Tensor, targets: torch.Tensor, keep: float) -> torch.Tensor:
    return torch.mean(torch.square(p["weight"] * inputs + p["bias"] - targets))


def _relu(p: Tensors, inputs: torch.Tensor, targets: torch.Tensor, keep: float) -> torch.Tensor:
    predictions = functional.relu(p["weight"] * inputs + p["bias"])
    return torch.sum(torch.square(predictions - targets))


def _softmax(p: Tensors, images: torch.Tensor, labels: torch.Tensor, keep: float) -> torch.Tensor:
    logits = images @ p["weights"] + p["biases"]
    return functional.cross_entropy(logits, labels, reduction="sum")


def _mlp(p: Tensors, images: torch.Tensor, labels: torch.Tensor, keep: float) -> torch.Tensor:
    hidden = functional.relu(images @ p["hidden_weights"] + p["hidden_biases"])
    return functional.cross_entropy(hidden @ p["output_weights"] + p["output_biases"], labels)


def _cnn(p: Tensors, images: torch.Tensor, labels: torch.Tensor, keep: float) -> torch.Tensor:
    values = images.reshape(-1, 1, 28, 28)  # channels first, as PyTorch has it
    for layer in ("conv1", "conv2"):
        weights = p[layer + "_weights"].permute(3, 2, 0, 1)
        values = functional.conv2d(values, weights, p[layer + "_biases"], padding="same")
        values = functional.max_pool2d(functional.relu(values), 2)
    flat = values.permute(0, 2, 3, 1).reshape(len(images), -1)
    dense = functional.relu(flat @ p["dense_weights"] + p["dense_biases"])
    dropped = functional.dropout(dense, 1 - keep)
    return functional.cross_entropy(dropped @ p["output_weights"] + p["output_biases"], labels)


_LOSSES: dict[str, Callable[[Tensors, torch.Tensor, torch.Tensor, float], torch.Tensor]] = {
    "linear_regression": _linear,
    "relu_regression": _relu,
    "softmax_regression": _softmax,
    "mlp": _mlp,
    "cnn": _cnn,
}
_RULES: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "sgd": lambda parameters, rate: torch.optim.SGD(list(parameters), rate),
    "adam": lambda parameters, rate: torch.optim.Adam(list(parameters), rate, eps=1e-8),
}
