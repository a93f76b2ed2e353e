"""Two networks trained in turn: mistakes that ports make, each found where it breaks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from random_batches import random_batches
from shared.data.generated_images import nearest, noise_of_steps
from shared.models import PAIRS, STYLES
from shared.program.batches import total
from shared.program.tracing import TracedModel
from shared.tools.compare.result import DIFFERS, EQUAL
from shared.tools.compare.traces import compare
from shared.tools.parity import runtimes
from shared.trace_recorder import Trace, TraceRecorder, read_trace
from tf2_style.adversarial import Adversarial, Config

PAIR = PAIRS["adversarial"]
STEPS = 3
BATCHES = random_batches("noise", STEPS, 8)


def traced(path: Path, model: Any) -> Trace:
    with TraceRecorder(path, model="adversarial") as recorder:
        TracedModel(model, recorder).train_steps(*BATCHES)
    return read_trace(path)


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Trace:
    path = tmp_path_factory.mktemp("reference") / "session.npz"
    return traced(path, PAIR.create("tf1_style"))


# ---- the mistakes -----------------------------------------------------------------------------


class GeneratorFirst(Adversarial):
    @tf.function
    def train_step(self, noise: Any, images: Any) -> Any:
        losses = {}
        for name in ("generator", "discriminator"):
            losses[name], gradients = self.differentiate(name, noise, images, moves=name)
            self.update(gradients, name)
        return losses


class BothGradientsBeforeBothUpdates(Adversarial):
    @tf.function
    def train_step(self, noise: Any, images: Any) -> Any:
        found = {name: self.differentiate(name, noise, images, name) for name in self.variables_of}
        for name, (_, gradients) in found.items():
            self.update(gradients, name)
        return {name: loss for name, (loss, _) in found.items()}


class OneLossForBoth(Adversarial):
    def losses_of(self, real_logits: Any, fake_logits: Any) -> Any:
        losses = super().losses_of(real_logits, fake_logits)
        return dict.fromkeys(losses, losses["discriminator"] + losses["generator"])


class OneOptimizerForBoth(Adversarial):
    def create_optimizers(self) -> None:
        super().create_optimizers()
        one, other = self.optimizers.values()
        # One optimizer has one pair of powers, which each of the two updates moves on.
        other.beta1_power, other.beta2_power = one.beta1_power, one.beta2_power


class GeneratorStopped(Adversarial):
    def forward(self, noise: Any, training: bool = False, moves: bool = False) -> Any:
        return tf.stop_gradient(super().forward(noise, training, moves))

    def differentiate(self, network: str, noise: Any, images: Any, moves: Any = None) -> Any:
        loss, gradients = super().differentiate(network, noise, images, moves)
        variables = self.variables_of[network].values()
        # What skips a variable without a gradient does to it.
        zeros = [
            tf.zeros_like(v) if g is None else g for v, g in zip(variables, gradients, strict=False)
        ]
        return loss, zeros


class LabelsSwapped(Adversarial):
    def loss(self, logits: Any, label: float) -> Any:
        return super().loss(logits, 1 - label)


class RealLabelsSmoothed(Adversarial):
    def losses_of(self, real_logits: Any, fake_logits: Any) -> Any:
        losses = super().losses_of(real_logits, fake_logits)
        of_real = self.loss(real_logits, 0.9) - self.loss(real_logits, 1.0)
        return {**losses, "discriminator": losses["discriminator"] + of_real}


class AveragesOfTheOther(Adversarial):
    def differentiate(self, network: str, noise: Any, images: Any, moves: Any = None) -> Any:
        other = {"generator": "discriminator", "discriminator": "generator", None: None}
        return super().differentiate(network, noise, images, other[moves])


class AveragesLeftAlone(Adversarial):
    def differentiate(self, network: str, noise: Any, images: Any, moves: Any = None) -> Any:
        return super().differentiate(network, noise, images)


class AveragesAtEachCall(Adversarial):
    def normalize(self, name: str, values: Any, training: bool, moves: bool) -> Any:
        return super().normalize(name, values, training, moves=training)


class NoiseOfTheFirstStep(Adversarial):
    def forward(self, noise: Any, training: bool = False, moves: bool = False) -> Any:
        return super().forward(BATCHES[0][0] if training else noise, training, moves)


class PredictsByTheBatch(Adversarial):
    @tf.function
    def predict(self, noise: Any) -> Any:
        return self.forward(noise, training=True)


class NormalizedApart(Adversarial):
    def judge(self, noise: Any, images: Any, training: bool, moves: Any = None) -> Any:
        generated = self.forward(noise, training, moves == "generator")
        of_real = self.discriminate(images, training, moves == "discriminator")
        return of_real, self.discriminate(generated, training)


TWINS: dict[type, tuple[int, str, str]] = {
    # (step, stage, tensor) of the first difference
    GeneratorFirst: (1, "loss", "loss"),
    BothGradientsBeforeBothUpdates: (1, "loss", "loss"),
    OneLossForBoth: (1, "loss", "loss"),
    OneOptimizerForBoth: (1, "slot", "discriminator/beta1_power"),
    GeneratorStopped: (1, "gradient", "generator/hidden/kernel"),
    LabelsSwapped: (1, "loss", "loss"),
    RealLabelsSmoothed: (1, "loss", "loss"),
    AveragesOfTheOther: (1, "variable", "discriminator/norm/moving_mean"),
    AveragesLeftAlone: (1, "variable", "generator/norm/moving_mean"),
    AveragesAtEachCall: (1, "variable", "generator/norm/moving_mean"),
    NoiseOfTheFirstStep: (2, "loss", "loss"),
    PredictsByTheBatch: (1, "logits", "logits"),
    NormalizedApart: (1, "loss", "loss"),
}


def test_the_unbroken_twin_is_equal(reference: Trace, tmp_path: Path) -> None:
    found = compare(reference, traced(tmp_path / "twin.npz", Adversarial(Config(optimizer="tf1"))))
    assert (found.outcome, found.bitwise, found.steps) == (EQUAL, True, STEPS)


@pytest.mark.slow
@pytest.mark.parametrize("broken", TWINS, ids=lambda broken: broken.__name__)
def test_a_broken_adversarial_twin_is_found_where_it_breaks(
    broken: type, reference: Trace, tmp_path: Path
) -> None:
    found = compare(reference, traced(tmp_path / "twin.npz", broken(Config(optimizer="tf1"))))
    assert found.outcome == DIFFERS
    first = found.first_difference
    assert first is not None and (first.step, first.stage, first.tensor) == TWINS[broken]


# ---- the order of the updates, and of additions -----------------------------------------------


@pytest.mark.parametrize("runtime", ["session", "function"])
def test_the_recorded_gradients_go_through_the_updated_discriminator(runtime: str) -> None:
    run = getattr(runtimes, runtime)(PAIR)
    stacked = [array[:1] for array in BATCHES]
    noise, images = (array[0] for array in stacked)
    untrained = PAIR.create("tf2_style", "tf1")
    before = untrained.gradients(noise, images)
    seen_since = run.watch((noise,), 1)
    run.train_steps(*stacked)
    seen = seen_since()
    found = {name: gradient[0] for name, gradient in seen["gradient"].items()}
    of_discriminator, of_generator = "discriminator/output/kernel", "generator/output/kernel"
    assert np.array_equal(found[of_discriminator], before[of_discriminator])
    assert not np.array_equal(found[of_generator], before[of_generator])
    # Through the discriminator as its own update has left it, and the generator from before.
    updated = PAIR.create("tf2_style", "tf1")
    for name, parameter in updated.variables_of["discriminator"].items():
        parameter.assign(seen["variable"][name][0])
    after = updated.gradients(noise, images)
    assert np.array_equal(found[of_generator], after[of_generator])


def trained(runtime: str) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The losses of a runtime, and the state after them."""
    run = getattr(runtimes, runtime)(PAIR)
    losses = total(run.train_steps(*BATCHES))
    return losses, run.model.variables()


def test_eager_adds_as_a_function_without_grappler_does() -> None:
    # Grappler sorts the parts of a gradient that is a sum, as of batch normalization, and fuses
    # the bias of the generator's last layer with its sigmoid. Nothing does so in an eager run.
    losses, state = trained("eager")
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    try:
        plain_losses, plain_state = trained("function")
    finally:
        tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": False})
    assert plain_losses.tobytes() == losses.tobytes()
    for name, value in state.items():
        assert np.array_equal(plain_state[name], value), name
    optimized, _ = trained("function")
    assert optimized.tobytes() != losses.tobytes()
    # Roundings of 2**-24, 6e-8, that three steps have hardly amplified; 1e-7 was seen.
    np.testing.assert_allclose(optimized, losses, rtol=5e-6)


# ---- NumPy in float64 is the judge ------------------------------------------------------------


def numpy_layers(p: dict[str, np.ndarray], network: str, values: np.ndarray) -> np.ndarray:
    """The output layer's sums of a network, normalized by its averages."""
    hidden = values @ p[f"{network}/hidden/kernel"]
    scale = p[f"{network}/norm/gamma"] / np.sqrt(p[f"{network}/norm/moving_variance"] + 1e-3)
    hidden = (hidden - p[f"{network}/norm/moving_mean"]) * scale + p[f"{network}/norm/beta"]
    slope = 0.2 if network == "discriminator" else 0.0  # of `leaky_relu` below 0, and of `relu`
    hidden = np.where(hidden > 0, hidden, slope * hidden)
    return hidden @ p[f"{network}/output/kernel"] + p[f"{network}/output/bias"]


@pytest.mark.parametrize("style", STYLES)
def test_predictions_losses_and_averages_are_those_of_numpy(style: str) -> None:
    model = PAIR.create(style)
    noise, images = (array[0].astype(np.float64) for array in BATCHES)
    of_batch = (noise @ model.variables()["generator/hidden/kernel"]).mean(axis=0)
    model.train_step(BATCHES[0][0], BATCHES[1][0])
    p = {name: value.astype(np.float64) for name, value in model.variables().items()}
    # A rounding of 2**-24 for each of 784 terms, at random, with a margin of eight: 1.3e-5.
    tolerance = 8 * 784**0.5 * 2.0**-24
    moved = p["generator/norm/moving_mean"]
    np.testing.assert_allclose(moved, 0.01 * of_batch, rtol=0, atol=tolerance * abs(moved).max())
    generated = 1 / (1 + np.exp(-numpy_layers(p, "generator", noise)))
    found = np.asarray(model.predict(BATCHES[0][0]))
    np.testing.assert_allclose(found, generated, rtol=0, atol=tolerance)
    real_logits, fake_logits = (
        numpy_layers(p, "discriminator", values) for values in (images, generated)
    )
    losses = [np.logaddexp(0, z).mean() for z in (-real_logits, fake_logits, -fake_logits)]
    loss, correct = (float(number) for number in model.measure(BATCHES[0][0], BATCHES[1][0]))
    assert abs(loss / sum(losses) - 1) < tolerance
    assert correct == ((real_logits > 0) & (fake_logits < 0)).sum()


# ---- noise and the nearest image --------------------------------------------------------------


def test_noise_depends_on_seed_and_step_alone() -> None:
    whole = noise_of_steps(4, range(6), seed=3)
    assert whole.shape == (6, 4, 32) and whole.dtype == np.float32
    assert np.array_equal(noise_of_steps(4, range(2, 5), seed=3), whole[2:5])
    assert whole.min() >= -1 and whole.max() < 1
    assert len(np.unique(whole)) == whole.size  # no step repeats another's
    assert not np.array_equal(noise_of_steps(4, range(6), seed=4), whole)


def test_the_nearest_image_is_the_nearest() -> None:
    random = np.random.RandomState(0)
    known = random.random_sample([50, 7]).astype(np.float32)
    images = random.random_sample([9, 7]).astype(np.float32)
    rows, distances = nearest(images, known)
    every = np.sqrt(np.square(images[:, None].astype(float) - known[None]).mean(2))
    assert np.array_equal(rows, every.argmin(1))
    # Both are computed in float64 from the same float32 values.
    np.testing.assert_allclose(distances, every.min(1), rtol=1e-12)
