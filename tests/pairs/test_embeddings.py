"""The pair with sparse gradients: what is sparse, what repeats, and what Keras's Adam does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import shared.tensorflow_loading  # noqa: F401  before TensorFlow is imported
from exported import loaded_by_tf2
from shared.models import PAIRS, STYLES
from shared.tools.compare.distances import relative_l2
from shared.tools.parity import runtimes
from shared.tools.parity.recording import batches_of, record
from shared.trace_recorder import read_trace

PAIR = PAIRS["embeddings"]


def batches(steps: int) -> Any:
    return batches_of(PAIR, PAIR.module("tf2_style").Config())(range(steps))


def batch() -> list[np.ndarray]:
    return [array[0] for array in batches(1)]


def slices_of(style: str) -> dict[str, Any]:
    """The sparse gradients of the first batch by parameter name."""
    model = PAIR.create(style)
    if style == "tf1_style":
        found = model.session.run(
            model.batch_gradients, dict(zip(model.batch, batch(), strict=True))
        )
    else:
        _, found = model.differentiate(*map(tf.constant, batch()))
    return dict(zip(model.parameters, found, strict=True))


@pytest.mark.parametrize("style", STYLES)
def test_gradients_are_sparse_and_ids_repeat(style: str) -> None:
    users, items, _ = batch()
    for name, gradient in slices_of(style).items():
        ids = users if name.startswith("user") else items
        # The rows are looked up twice, for the prediction and for L2; the biases once.
        lookups = 2 if name.endswith("rows") else 1
        assert sorted(np.asarray(gradient.indices)) == sorted(np.tile(ids, lookups)), name
    assert len(np.unique(users)) < len(users) and len(np.unique(items)) < len(items)


@pytest.mark.parametrize("style", STYLES)
def test_dense_gradients_hold_the_sum_of_the_slices_of_each_id(style: str) -> None:
    model = PAIR.create(style)
    dense = model.gradients(*batch())
    for name, gradient in slices_of(style).items():
        expected = np.zeros(dense[name].shape, np.float32)
        np.add.at(expected, np.asarray(gradient.indices), np.asarray(gradient.values))
        assert np.array_equal(np.asarray(dense[name]), expected), name


def test_ids_repeat_in_every_batch_of_training() -> None:
    users, items, _ = batches(200)
    for ids in (*users, *items):
        assert len(np.unique(ids)) < len(ids)


@pytest.mark.parametrize("runtime", ["session", "function", "eager"])
def test_the_recorded_gradient_is_dense_and_the_one_consumed(runtime: str, tmp_path: Path) -> None:
    run = getattr(runtimes, runtime)(PAIR)
    path = tmp_path / "trace.npz"
    record(run, batches_of(PAIR, run.config), 1, str(path), PAIR.name, runtime)
    with read_trace(path) as trace:
        for name, shape in (("user_rows", (200, 8)), ("item_biases", (60,))):
            gradient = trace.whole("gradient", name, 1)
            assert gradient.shape == shape and (gradient == 0).any()
            # From zeros, TensorFlow 1's Adam makes m of it: (1 - beta1) * g.
            share = np.float32(1) - np.float32(0.9)
            assert np.array_equal(trace.whole("slot", name + "/m", 1), gradient * share)


def test_keras_adam_squares_the_slices_of_an_id_one_by_one() -> None:
    slices = tf.IndexedSlices(tf.constant([[1.0], [2.0], [-2.5]]), tf.constant([0, 0, 0]), [2, 1])
    found = []
    for gradient in (slices, tf.convert_to_tensor(slices)):
        table = tf.Variable([[1.0], [1.0]])
        adam = tf.keras.optimizers.Adam(0.1, epsilon=1e-8)
        adam.build([table])
        adam.apply_gradients([(gradient, table)])
        m, v = adam.variables[2:]
        found.append((m.numpy()[0, 0], v.numpy()[0, 0], 1 - table.numpy()[0, 0]))
    (m, v, step), (dense_m, dense_v, dense_step) = found
    assert m == pytest.approx(dense_m)  # 0.1 * (1 + 2 - 2.5)
    # 1 + 4 + 6.25 in place of 0.5 ** 2; an update divides by the root. Float32 has seven digits.
    assert v / dense_v == pytest.approx(45, rel=1e-5)
    assert dense_step / step == pytest.approx(45**0.5, rel=1e-4)


def losses(steps: int, **settings: Any) -> np.ndarray:
    model = PAIR.create("tf2_style", **settings)
    return np.asarray(model.train_steps(*batches(steps)))


def test_keras_adam_on_sparse_gradients_is_beyond_the_bound() -> None:
    model = PAIR.create("tf2_style", "keras")

    def update(gradients: Any) -> None:  # as a port has it that replaces only the optimizer
        model.optimizer.apply_gradients(zip(gradients, model.parameters.values(), strict=True))
        model.global_step.assign_add(1)

    model.update = update
    exact, found = losses(60, optimizer="tf1"), np.asarray(model.train_steps(*batches(60)))
    assert relative_l2(exact, found) > 10 * max(variant.bound for variant in PAIR.variants)


def test_users_and_items_are_not_mixed_up_in_the_export(tmp_path: Path) -> None:
    users, items, _ = batch()
    for style in STYLES:
        model = PAIR.create(style)
        model.train_steps(*batches(3))
        model.export(str(tmp_path / style))
        with loaded_by_tf2(str(tmp_path / style)) as predict:
            found = predict(items=items, users=users)
            swapped = predict(items=users % 60, users=items)
        assert np.array_equal(found, np.asarray(model.predict(users, items)))
        assert not np.array_equal(found, swapped)
