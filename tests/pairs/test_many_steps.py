"""Operations that run in one thread train to the same bits as in a pool of threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from random_batches import random_batches
from shared.models import PAIRS
from tf2_style import many_steps

# The models that train on rows, with every optimizer that they have.
MODELS = [("softmax_regression", None), ("mlp", "tf1"), ("mlp", "keras")]
BATCH = 7


def trained(name: str, optimizer: str | None, train: Callable[..., Any]) -> dict[str, bytes]:
    """Trains a new model by `train`; returns the bytes of losses, variables and slots."""
    model = PAIRS[name].create("tf2_style", optimizer)
    losses = train(model)
    assert model.step() == len(losses)
    values = {"losses": losses, **model.variables(), **model.slots()}
    return {name: np.asarray(value).tobytes() for name, value in values.items()}


def by_rows(model: Any) -> Any:
    return many_steps.function_of_rows(model.train_step)


def examples_of(name: str, steps: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """Returns rows [steps, batch] in any order, some of them twice, and the examples."""
    examples = [array[0] for array in random_batches(PAIRS[name].data, 1, 40)]
    return np.random.RandomState(0).randint(0, 40, [steps, BATCH]), examples


@pytest.fixture
def functions_may_run_eagerly() -> Iterator[None]:
    yield
    tf.config.run_functions_eagerly(False)


@pytest.mark.parametrize("steps", [1, many_steps.STEPS_AT_ONCE, 23])
@pytest.mark.parametrize(("name", "optimizer"), MODELS)
def test_rows_train_to_the_bits_of_their_batches(
    name: str, optimizer: str | None, steps: int
) -> None:
    rows, examples = examples_of(name, steps)
    batches = [array[rows] for array in examples]
    expected = trained(name, optimizer, lambda model: model.train_steps(*batches))
    assert trained(name, optimizer, lambda model: by_rows(model)(rows, *examples)) == expected


def test_several_steps_run_in_one_thread() -> None:
    model = PAIRS["mlp"].create("tf2_style")
    definition = by_rows(model).get_concrete_function().graph.as_graph_def()
    bodies = [node for function in definition.library.function for node in function.node_def]
    executors = [node.attr["executor_type"].s for node in bodies]
    assert executors.count(b"SINGLE_THREADED_EXECUTOR") == 1


def test_steps_in_another_order_are_caught() -> None:
    rows, examples = examples_of("softmax_regression", 12)
    turned = rows[[0, 2, 1, *range(3, 12)]]
    expected, found = (
        trained("softmax_regression", None, lambda model, given=given: by_rows(model)(*given))
        for given in ((rows, *examples), (turned, *examples))
    )
    assert {name for name in expected if found[name] != expected[name]} == set(expected)


@pytest.mark.usefixtures("functions_may_run_eagerly")
@pytest.mark.parametrize("when", ["before", "after"])
def test_functions_that_run_eagerly_run_each_step_eagerly(when: str) -> None:
    rows, examples = examples_of("softmax_regression", 12)
    model = PAIRS["softmax_regression"].create("tf2_style")
    seen, forward = [], model.forward

    def watched(images: Any) -> Any:
        seen.append(images.numpy().shape)  # a tensor of a graph has no value
        return forward(images)

    if when == "after":  # the function exists
        train_rows = by_rows(model)
    tf.config.run_functions_eagerly(True)
    if when == "before":
        train_rows = by_rows(model)
    model.forward = watched
    losses = train_rows(tf.constant(rows), *map(tf.constant, examples))
    assert len(losses) == len(seen) == model.step() == 12


def test_a_plain_function_is_called_step_by_step() -> None:
    rows, examples = examples_of("softmax_regression", 12)
    model = PAIRS["softmax_regression"].create("tf2_style")
    seen = []

    def train_step(*batch: Any) -> Any:
        seen.append([np.asarray(array) for array in batch])
        return model.train_step(*batch)

    parts = [(rows[:5], *examples), (rows[5:], *examples)]
    losses = np.concatenate(list(many_steps.on_rows(train_step, parts)))
    assert len(losses) == len(seen) == 12
    for place, batch in enumerate(seen):
        assert all(np.array_equal(a, b[rows[place]]) for a, b in zip(batch, examples, strict=True))


def test_with_a_gpu_each_step_is_a_call_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, examples = examples_of("softmax_regression", 12)
    expected = trained("softmax_regression", None, lambda model: by_rows(model)(rows, *examples))
    asked = []

    def devices(kind: str) -> list[str]:
        asked.append(kind)
        return ["a device"]

    def in_one_thread(*given: Any) -> Any:
        raise AssertionError("expected no steps in one thread, found some")

    monkeypatch.setattr(tf.config, "list_logical_devices", devices)
    monkeypatch.setattr(many_steps, "_in_one_thread", in_one_thread)
    found = trained("softmax_regression", None, lambda model: by_rows(model)(rows, *examples))
    assert found == expected and asked == ["GPU"]


def test_xla_compiles_the_loop() -> None:
    rows, examples = examples_of("softmax_regression", 13)
    model, other = (PAIRS["softmax_regression"].create("tf2_style") for _ in range(2))
    losses = tf.function(by_rows(model).python_function, jit_compile=True)(rows, *examples)
    # Sums of 784 products in another order, over 13 steps: some roundings of 2**-24 each.
    np.testing.assert_allclose(losses, by_rows(other)(rows, *examples), rtol=1e-5)
    assert model.step() == 13
