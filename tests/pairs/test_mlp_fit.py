"""Keras's own loop: `compile` and `fit` give the losses of the hand-written step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from shared.data.fashion import load_fashion
from shared.models import PAIRS
from shared.program.progress import Progress, TrainingResult
from tf2_style import mlp, mlp_fit

STEPS = 40


def by_fit(folder: Path, steps: int = STEPS, **settings: Any) -> TrainingResult:
    config = mlp_fit.Config(
        steps=steps, checkpoint_dir=str(folder), report_every=15, **{"batch_size": 32, **settings}
    )
    return mlp_fit.train(config, Progress())


def by_hand(folder: Path, **settings: Any) -> TrainingResult:
    config = mlp.Config(steps=STEPS, checkpoint_dir=str(folder / "by-hand"), **settings)
    return mlp.PROGRAM.train(config, Progress())


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> TrainingResult:
    return by_hand(tmp_path_factory.mktemp("expected"), optimizer="keras")


def test_fit_equals_the_hand_written_step_to_the_last_bit(
    expected: TrainingResult, tmp_path: Path
) -> None:
    found = by_fit(tmp_path)
    assert found.losses.dtype == np.float32
    assert found.losses.tobytes() == expected.losses.tobytes()
    assert list(found.variables) == list(expected.variables)
    for name, value in expected.variables.items():
        assert found.variables[name].tobytes() == value.tobytes(), name
    assert found.metrics["accuracy"] == pytest.approx(expected.metrics["accuracy"], abs=1e-6)
    # Keras averages the losses of 63 batches in float32: 63 roundings of 2**-24 at most.
    assert found.metrics["loss"] == pytest.approx(expected.metrics["loss"], rel=63 * 2.0**-24)


@pytest.mark.slow
def test_a_batch_size_that_is_no_power_of_two_rounds_the_report_alone(tmp_path: Path) -> None:
    found, expected = (
        by_fit(tmp_path, batch_size=30),
        by_hand(tmp_path, batch_size=30, optimizer="keras"),
    )
    for name, value in expected.variables.items():
        assert found.variables[name].tobytes() == value.tobytes(), name
    # The logged loss is (30 * loss) / 30: two roundings of 2**-24.
    np.testing.assert_allclose(found.losses, expected.losses, rtol=2 * 2.0**-24)


@pytest.mark.slow
def test_resuming_equals_an_uninterrupted_run(expected: TrainingResult, tmp_path: Path) -> None:
    first, second = by_fit(tmp_path, steps=20), by_fit(tmp_path)
    losses = np.concatenate([first.losses, second.losses])
    assert losses.tobytes() == expected.losses.tobytes()
    assert by_fit(tmp_path).losses.size == 0  # reached already


batches, create_model = mlp_fit.batches, mlp_fit.create_model  # which the mistakes stand in for


class RunningMeans(mlp_fit.BatchLosses):
    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Leaves the earlier batches in, as `fit` does by itself."""


MISTAKES: dict[str, tuple[str, Any]] = {
    "running means": ("BatchLosses", RunningMeans),
    "batches in another order": (
        "batches",
        lambda *given: (batch for batch in list(batches(*given))[::-1]),
    ),
    "Keras's default epsilon": (
        "create_model",
        lambda config: recompiled(config, optimizer=tf.keras.optimizers.Adam(0.001)),
    ),
    "logits taken for probabilities": (
        "create_model",
        lambda config: recompiled(config, loss=tf.keras.losses.SparseCategoricalCrossentropy()),
    ),
}


def recompiled(config: Any, **changes: Any) -> Any:
    model = create_model(config)
    compiled = {"optimizer": model.optimizer, "loss": model.loss, "metrics": ["accuracy"]}
    model.compile(**{**compiled, **changes}, jit_compile=False)
    return model


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_shows_in_the_losses(
    mistake: str, expected: TrainingResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mlp_fit, *MISTAKES[mistake])
    assert by_fit(tmp_path).losses.tobytes() != expected.losses.tobytes()


def test_the_same_numbers_as_the_pair() -> None:
    ours, pair = mlp_fit.Config(), PAIRS["mlp"].module("tf2_style").Config()
    for name in ("data", "steps", "batch_size", "learning_rate", "seed", "report_every"):
        assert getattr(ours, name) == getattr(pair, name), name


def test_as_a_program(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = ["--checkpoint-dir", str(tmp_path)]
    assert mlp_fit.main(["predict", *folder]) == 2
    assert "expected a checkpoint saved by `train`, found none" in capsys.readouterr().err
    assert mlp_fit.main(["train", "--steps", "30", *folder]) == 0
    trained = capsys.readouterr().out
    assert mlp_fit.main(["evaluate", *folder]) == 0
    evaluated = capsys.readouterr().out
    assert evaluated.splitlines()[0] in trained
    assert mlp_fit.main(["predict", *folder]) == 0
    header, *rows = capsys.readouterr().out.splitlines()
    assert header.split() == ["image", "prediction", "truth"] and len(rows) == 10
    assert [path.name for path in tmp_path.iterdir()] == ["model.keras"]
    (tmp_path / "model.keras").write_bytes(b"damaged")
    assert mlp_fit.main(["evaluate", *folder]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith(f"error: {tmp_path / 'model.keras'}: cannot be restored")
    assert captured.err.count("\n") == 1


def test_the_clothes_are_batched_as_for_the_pair() -> None:
    clothes = load_fashion()
    config = mlp_fit.Config(steps=700)
    made = list(mlp_fit.batches(config, clothes, 310))
    assert len(made) == 390  # over the end of an epoch of 312
    again = next(mlp_fit.batches(config, clothes, 699))
    assert np.array_equal(made[-1][1], again[1])
