"""What every model of either style holds to while it trains."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from large_models import large_are_slow
from random_batches import random_batches
from shared.models import PAIRS, STYLES
from shared.program.batches import inputs_of, total
from shared.trace_recorder import read_trace

BATCH = {"line": 100, "digits": 5, "fashion": 5, "ratings": 20, "noise": 5}


def batches(name: str, steps: int, batch_size: int, seed: int = 0) -> tuple[Any, ...]:
    return random_batches(PAIRS[name].data, steps, batch_size, seed)


@pytest.mark.parametrize("name", large_are_slow(PAIRS))
def test_a_function_is_traced_once(name: str) -> None:
    model = PAIRS[name].create("tf2_style")
    for steps, batch_size in ((1, 3), (4, 7), (2, 3)):
        stacked = batches(name, steps, batch_size)
        model.train_steps(*stacked)
        batch = tuple(array[0] for array in stacked)
        model.train_step(*batch)
        model.gradients(*batch)
        model.measure(*batch)
        model.predict(*inputs_of(model, batch))
    for function in ("train_steps", "train_step", "gradients", "measure", "predict"):
        assert getattr(model, function).experimental_get_tracing_count() == 1, function


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", large_are_slow(PAIRS))
def test_many_steps_equal_single_steps(name: str, style: str) -> None:
    stacked = batches(name, 3, BATCH[PAIRS[name].data])
    many, single = PAIRS[name].create(style), PAIRS[name].create(style)
    losses = total(many.train_steps(*stacked))
    singles = [total(single.train_step(*batch)) for batch in zip(*stacked, strict=True)]
    assert losses.tobytes() == np.array(singles, np.float32).tobytes()
    assert many.step() == single.step() == 3
    for variable, value in many.variables().items():
        assert np.array_equal(value, single.variables()[variable]), variable


@pytest.mark.parametrize("name", large_are_slow(PAIRS))
def test_both_styles_have_the_same_gradients_and_slots(name: str) -> None:
    stacked = batches(name, 2, BATCH[PAIRS[name].data])
    variant = PAIRS[name].variants[1]
    tf1 = PAIRS[name].create("tf1_style")
    tf2 = PAIRS[name].create("tf2_style", variant.optimizer)
    for batch in zip(*stacked, strict=True):
        expected, found = tf1.gradients(*batch), tf2.gradients(*batch)
        assert list(expected) == list(found) == list(tf1.parameters)
        for parameter, gradient in expected.items():
            assert np.array_equal(gradient, np.asarray(found[parameter])), parameter
        tf1.train_step(*batch)
        tf2.train_step(*batch)
    expected, found = tf1.slots(), tf2.slots()
    assert list(expected) == list(found)
    for slot, value in expected.items():
        assert np.array_equal(value, found[slot]), slot


def test_keras_adam_keeps_no_powers_of_beta() -> None:
    create = PAIRS["relu_regression"].create
    of_tf1, of_keras = (set(create("tf2_style", which).slots()) for which in ("tf1", "keras"))
    assert of_tf1 - of_keras == {"beta1_power", "beta2_power"} and of_keras < of_tf1


@pytest.mark.parametrize("keep_probability", [0.3, 0.75])
def test_dropout_is_bitwise_equal_for_any_share(keep_probability: float) -> None:
    # 0.5, the default, would hide a rounding: its reciprocal is a power of two.
    inputs, targets = batches("cnn", 2, 4)
    tf1, tf2 = (PAIRS["cnn"].create(style, keep_probability=keep_probability) for style in STYLES)
    for batch in zip(inputs, targets, strict=True):
        expected, found = tf1.gradients(*batch), tf2.gradients(*batch)
        for parameter, gradient in expected.items():
            assert np.array_equal(gradient, np.asarray(found[parameter])), parameter


@pytest.mark.parametrize("style", STYLES)
def test_gradients_update_nothing(style: str) -> None:
    model = PAIRS["relu_regression"].create(style)
    before = model.variables()
    inputs, targets = batches("relu_regression", 1, 10)
    model.gradients(inputs[0], targets[0])
    assert model.variables() == before
    assert model.step() == 0


@pytest.mark.parametrize("style", STYLES)
def test_dropout_is_off_in_prediction(style: str) -> None:
    model = PAIRS["cnn"].create(style)
    images = batches("cnn", 1, 3)[0][0]
    assert np.array_equal(np.asarray(model.predict(images)), np.asarray(model.predict(images)))
    batch = [array[0] for array in batches("cnn", 1, 3)]
    none = PAIRS["cnn"].create(style, keep_probability=1.0)
    assert model.train_step(*batch) != none.train_step(*batch)


@pytest.mark.parametrize("name", ["cnn", "recurrent_network"])
def test_evaluation_is_bitwise_equal_and_draws_no_numbers(name: str) -> None:
    # A graph that keeps a share of 1 still draws numbers; the port calls `forward` without a share.
    tf1, tf2 = (PAIRS[name].create("tf1_style"), PAIRS[name].create("tf2_style", "tf1"))
    for batch in zip(*batches(name, 2, 20), strict=True):
        tf1.train_step(*batch)
        tf2.train_step(*batch)
        for expected, found in zip(tf1.measure(*batch), tf2.measure(*batch), strict=True):
            assert np.asarray(expected).tobytes() == np.asarray(found).tobytes()
        assert tf1.predict(batch[0]).tobytes() == tf2.predict(batch[0]).numpy().tobytes()

    def draws(function: Any) -> bool:
        operations = function.get_concrete_function().graph.get_operations()
        return any("Random" in operation.type for operation in operations)

    functions = tf2.train_step, tf2.measure, tf2.predict
    assert [draws(function) for function in functions] == [True, False, False]


@pytest.mark.parametrize("style", STYLES)
def test_a_trace_changes_no_number(style: str, tmp_path: Path) -> None:
    module = PAIRS["relu_regression"].module(style)
    plain = module.PROGRAM.train(module.Config(steps=20, checkpoint_dir=str(tmp_path / "plain")))
    path = tmp_path / "trace.npz"
    settings = {"trace": str(path), "trace_steps": "7,9", "trace_every": 8}
    traced = module.PROGRAM.train(
        module.Config(steps=20, checkpoint_dir=str(tmp_path / "traced"), **settings)
    )
    assert plain.losses.tobytes() == traced.losses.tobytes()
    with read_trace(path) as trace:
        assert np.asarray(trace.losses).tobytes() == plain.losses.tobytes()
        assert trace.whole_steps("variable", "weight") == [1, 7, 8, 9, 16, 20]
        assert trace.whole("variable", "weight", 20) == plain.variables["weight"]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"trace": "nowhere/t.npz"}, "nowhere"),
        ({"trace": "t.npz", "trace_steps": "1,x"}, "--trace-steps: expected steps"),
    ],
)
def test_a_trace_that_cannot_be_written(
    settings: dict[str, str],
    expected: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in settings.items()]
    module = PAIRS["linear_regression"].module("tf2_style")
    assert module.PROGRAM.main(["train", *flags, "--checkpoint-dir", str(tmp_path / "new")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1
    assert expected in error
    assert not list(tmp_path.iterdir())
