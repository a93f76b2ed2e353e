"""A small network trained in NumPy, float32, that records a trace; each setting is a mistake."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from shared.trace_recorder import Trace, TraceRecorder, read_trace

F = np.float32
Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Run:
    """A run of x [batch, 6] -> relu 8 -> dropout -> logits [batch, 4], softmax cross-entropy."""

    steps: int = 4
    start: int = 0  # the step before the first
    batch: int = 20
    batch_order: Callable[[int], int] = lambda step: step
    input_scale: float = 1.0
    initial_seed: int = 7
    initial_bias: float = 0.1
    initial_scale: float = 1.0
    slot_start: float = 0.0
    keep: float = 0.8
    rescale: bool = True
    rescale_back: bool = True
    feed_mask: bool = False
    smoothing: float = 0.0
    sum_loss: bool = False
    loss_factor: float = 1.0
    gradient_factor: float = 1.0
    untrained: str = ""
    gradients_only_of: tuple[str, ...] = ("w1", "b1", "w2", "b2")
    l2: float = 0.0
    applies_another_mask: bool = False
    optimizer: str = "adam"
    learning_rate: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    moves_moments: bool = False  # m += (1 - beta1) (g - m), as Keras writes it
    rounds_betas: bool = False  # before 1 - beta, as TensorFlow 1's kernel does
    corrects_bias: bool = True
    bias_step: int = 0  # added to the step in Adam's bias correction
    running_powers: bool = False  # of float32, as TensorFlow 1 keeps them
    momentum_holds_velocity: bool = False
    weight_decay: float = 0.0
    count_from: int = 0  # global_step at the start
    records_initial: bool = True
    records_before_update: bool = False
    every: int | None = 1
    noise: Callable[[str, str, int, np.ndarray], np.ndarray] = lambda stage, name, step, x: x
    seen: Arrays = field(default_factory=dict)

    def but(self, **changes: object) -> Run:
        return replace(self, **changes)  # type: ignore[arg-type]

    def record(self, path: Path) -> Trace:
        """Train and record; returns the trace, opened."""
        variables, slots = self.initial()
        with TraceRecorder(path, model="small", every=self.every) as recorder:
            if self.records_initial:
                counted = dict(variables, global_step=np.asarray(self.count_from))
                recorder.record_initial(self.noisy("initial", counted), slots, step=self.start)
            for step in range(self.start + 1, self.start + self.steps + 1):
                self.train_step(recorder, step, variables, slots)
        return read_trace(path)

    def noisy(self, stage: str, arrays: Arrays, step: int = 0) -> Arrays:
        return {name: self.noise(stage, name, step, array) for name, array in arrays.items()}

    def initial(self) -> tuple[Arrays, Arrays]:
        rng = np.random.RandomState(self.initial_seed)
        scale = F(self.initial_scale)
        variables = {
            "w1": scale * rng.normal(0, 0.5, (6, 8)).astype(F),
            "b1": np.full(8, self.initial_bias, F),
            "w2": scale * rng.normal(0, 0.5, (8, 4)).astype(F),
            "b2": np.full(4, self.initial_bias, F),
        }
        kinds = {"adam": ("m", "v"), "rmsprop": ("rms",), "momentum": ("momentum",), "sgd": ()}
        slots = {
            f"{name}/{kind}": np.full_like(array, self.slot_start)
            for name, array in variables.items()
            for kind in kinds[self.optimizer]
        }
        return variables, slots

    def train_step(
        self, recorder: TraceRecorder, step: int, variables: Arrays, slots: Arrays
    ) -> None:
        x, y, mask = self.data(self.batch_order(step))
        before = {name: array.copy() for name, array in variables.items()}
        logits, loss, gradients = self.gradients(x, y, mask, variables, step)
        applied = gradients
        if self.applies_another_mask:
            applied = self.gradients(x, y, mask[::-1], variables, step)[2]
        self.update(step, applied, variables, slots)
        count = np.asarray(self.count_from + step - self.start)
        shown = dict(before if self.records_before_update else variables, global_step=count)
        recorder.record(
            step,
            loss,
            batch=[x, y, mask] if self.feed_mask else [x, y],
            logits=logits,
            gradients={name: gradients[name] for name in self.gradients_only_of},
            slots=self.noisy("slot", slots, step),
            variables=self.noisy("variable", shown, step),
        )

    def data(self, number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        rng = np.random.RandomState(1000 + number)
        x = rng.rand(self.batch, 6).astype(F) * F(self.input_scale)
        y = np.eye(4, dtype=F)[rng.randint(0, 4, self.batch)]
        if self.smoothing:
            y = y * F(1 - self.smoothing) + F(self.smoothing / 4)
        mask = (rng.rand(self.batch, 8) < self.keep).astype(F)
        labels = np.eye(4, dtype=F)[y.argmax(axis=1)]
        self.seen["targets"] = y
        return self.noise("batch", "0", number, x), labels, mask

    def gradients(
        self, x: np.ndarray, y: np.ndarray, mask: np.ndarray, variables: Arrays, step: int
    ) -> tuple[np.ndarray, np.ndarray, Arrays]:
        y = self.seen["targets"]
        scale = mask / F(self.keep if self.rescale else 1)
        hidden = np.maximum(x @ variables["w1"] + variables["b1"], 0)
        dropped = hidden * scale
        logits = dropped @ variables["w2"] + variables["b2"]
        logits = self.noise("logits", "logits", step, logits)
        shifted = logits - logits.max(axis=1, keepdims=True)
        log_sum = np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        weight = F(self.loss_factor) * (F(1) if self.sum_loss else F(1 / self.batch))
        loss = -weight * (y * (shifted - log_sum)).sum(dtype=F)
        of_logits = weight * F(self.gradient_factor) * (np.exp(shifted - log_sum) - y)
        back = mask / F(self.keep if self.rescale and self.rescale_back else 1)
        of_hidden = (of_logits @ variables["w2"].T) * back * (hidden > 0)
        gradients = {
            "w1": x.T @ of_hidden,
            "b1": of_hidden.sum(axis=0),
            "w2": dropped.T @ of_logits,
            "b2": of_logits.sum(axis=0),
        }
        for name in gradients:
            gradients[name] = gradients[name] + F(self.l2) * variables[name]
            if name == self.untrained:
                gradients[name] = np.zeros_like(gradients[name])
        loss = self.noise("loss", "loss", step, np.asarray(loss))
        return logits, loss, self.noisy("gradient", gradients, step)

    def update(self, step: int, gradients: Arrays, variables: Arrays, slots: Arrays) -> None:
        for name, g in gradients.items():
            if self.optimizer == "adam":
                change = self.adam(step, g, slots, name)
            elif self.optimizer == "rmsprop":
                rms = slots[f"{name}/rms"]
                rms[...] = F(0.9) * rms + F(0.1) * g * g
                change = F(self.learning_rate) * g / np.sqrt(rms + F(1e-7))
            elif self.optimizer == "momentum":
                change = self.momentum(g, slots[f"{name}/momentum"])
            else:
                change = F(self.learning_rate) * g
            variables[name] -= change + F(self.weight_decay) * variables[name]

    def momentum(self, g: np.ndarray, slot: np.ndarray) -> np.ndarray:
        rate = F(self.learning_rate)
        if self.momentum_holds_velocity:  # Keras
            slot[...] = F(0.9) * slot - rate * g
            return -slot
        slot[...] = F(0.9) * slot + g
        return rate * slot

    def adam(self, step: int, g: np.ndarray, slots: Arrays, name: str) -> np.ndarray:
        m, v = slots[f"{name}/m"], slots[f"{name}/v"]
        kept = F if self.rounds_betas else float
        one, beta1, beta2 = kept(1), kept(self.beta1), kept(self.beta2)
        if self.moves_moments:
            m += (g - m) * F(one - beta1)
            v += (g * g - v) * F(one - beta2)
        else:
            m[...] = F(beta1) * m + F(one - beta1) * g
            v[...] = F(beta2) * v + F(one - beta2) * g * g
        powers = self.powers(step + self.bias_step)
        rate = F(self.learning_rate)
        if self.corrects_bias:
            rate = rate * np.sqrt(F(1) - powers[1]) / (F(1) - powers[0])
        return rate * m / (np.sqrt(v) + F(self.epsilon))

    def powers(self, step: int) -> tuple[np.float32, np.float32]:
        if not self.running_powers:
            return F(self.beta1) ** F(step), F(self.beta2) ** F(step)
        powers = F(1), F(1)
        for _ in range(step):
            powers = powers[0] * F(self.beta1), powers[1] * F(self.beta2)
        return powers
