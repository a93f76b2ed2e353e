"""Sparse gradients with ids that repeat: the optimizers equal those of a Session, bit for bit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
import tensorflow as tf

from tf2_style.tf1_adam import TF1Adam, summed_by_id
from tf2_style.tf1_momentum import TF1Momentum

tf1 = tf.compat.v1
STEPS, ROWS, BATCH = 60, 12, 20
RATE = 0.05


class Step(NamedTuple):
    """What one step is fed: the ids [BATCH] of a table and a factor for each row looked up."""

    ids: np.ndarray
    factors: np.ndarray


def feeds(seed: int = 0) -> list[Step]:
    """Steps in which ids repeat (20 of 12 rows) and some rows are left out."""
    random = np.random.RandomState(seed)
    steps = []
    for _ in range(STEPS):
        ids = random.choice(random.choice(ROWS, 8, replace=False), BATCH)
        steps.append(Step(ids, random.randn(BATCH, 3).astype(np.float32)))
    return steps


def start() -> np.ndarray:
    return np.random.RandomState(9).randn(ROWS, 3).astype(np.float32)


def loss_of(table: Any, ids: Any, factors: Any) -> Any:
    """Not linear, so that a gradient depends on all updates before it."""
    return tf.reduce_sum(tf.sin(tf.nn.embedding_lookup(table, ids) * factors))


States = list[list[np.ndarray]]  # table and slots after every step


def in_a_session(optimizer: Callable[[], Any], slots: tuple[str, ...]) -> States:
    """Table and slots after every step, of an optimizer of compat.v1."""
    with tf.Graph().as_default(), tf1.Session() as session:
        table = tf1.get_variable("table", initializer=start())
        ids, factors = tf1.placeholder(tf.int64, [None]), tf1.placeholder(tf.float32, [None, 3])
        trainer = optimizer()
        ((gradient, _),) = pairs = trainer.compute_gradients(loss_of(table, ids, factors), [table])
        assert isinstance(gradient, tf.IndexedSlices)
        train = trainer.apply_gradients(pairs)
        session.run(tf1.global_variables_initializer())
        found = []
        for step in feeds():
            session.run(train, {ids: step.ids, factors: step.factors})
            found.append(session.run([table, *(trainer.get_slot(table, slot) for slot in slots)]))
        return found


def by_hand(
    optimizer: Any, table: Any, slots_of: Callable[[], list[Any]], is_eager: bool = False
) -> States:
    """The same of an optimizer of tf2_style, in a tf.function or without a graph."""

    def train(ids: Any, factors: Any) -> None:
        with tf.GradientTape() as tape:
            loss = loss_of(table, ids, factors)
        gradient = tape.gradient(loss, table)
        assert isinstance(gradient, tf.IndexedSlices)
        optimizer.apply_gradients([(gradient, table)])

    train_step = train if is_eager else tf.function(train)
    found = []
    for step in feeds():
        train_step(tf.constant(step.ids), tf.constant(step.factors))
        found.append([value.numpy() for value in (table, *slots_of())])
    return found


def adam(kind: type[TF1Adam] = TF1Adam, is_eager: bool = False) -> States:
    optimizer, table = kind(RATE), tf.Variable(start())
    optimizer.build([table])
    return by_hand(optimizer, table, lambda: optimizer.variables[2:], is_eager)


def momentum(
    use_nesterov: bool, is_eager: bool = False, kind: type[TF1Momentum] = TF1Momentum
) -> States:
    step, table = tf.Variable(0, dtype=tf.int64), tf.Variable(start())
    optimizer = kind(lambda step: RATE, 0.9, step, use_nesterov)
    optimizer.build([table])
    return by_hand(optimizer, table, lambda: optimizer.variables[1:], is_eager)


def first_difference(a: States, b: States) -> tuple[int, int] | None:
    """The first step, and the position among table and slots, where bits differ."""
    for step, (left, right) in enumerate(zip(a, b, strict=True), start=1):
        for position, (x, y) in enumerate(zip(left, right, strict=True)):
            if x.tobytes() != y.tobytes():
                return step, position
    return None


@pytest.fixture(scope="module")
def session_adam() -> States:
    return in_a_session(lambda: tf1.train.AdamOptimizer(RATE), ("m", "v"))


@pytest.mark.parametrize("is_eager", [False, True])
def test_adam_equals_a_session_at_every_step(is_eager: bool, session_adam: Any) -> None:
    assert len(session_adam) == STEPS >= 50
    assert first_difference(session_adam, adam(is_eager=is_eager)) is None


@pytest.mark.parametrize("is_eager", [False, True])
@pytest.mark.parametrize("use_nesterov", [False, True])
def test_momentum_equals_a_session_at_every_step(use_nesterov: bool, is_eager: bool) -> None:
    expected = in_a_session(
        lambda: tf1.train.MomentumOptimizer(RATE, 0.9, use_nesterov=use_nesterov), ("momentum",)
    )
    assert first_difference(expected, momentum(use_nesterov, is_eager)) is None


def test_dense_momentum_equals_a_session() -> None:
    gradient = np.random.RandomState(1).randn(STEPS, ROWS, 3).astype(np.float32)
    with tf.Graph().as_default(), tf1.Session() as session:
        table, fed = tf1.get_variable("table", initializer=start()), tf1.placeholder(tf.float32)
        fed.set_shape([ROWS, 3])
        train = tf1.train.MomentumOptimizer(RATE, 0.9).apply_gradients([(fed, table)])
        session.run(tf1.global_variables_initializer())
        for step in gradient:
            session.run(train, {fed: step})
        expected = session.run(table)
    step_count, variable = tf.Variable(0, dtype=tf.int64), tf.Variable(start())
    optimizer = TF1Momentum(lambda step: RATE, 0.9, step_count)
    optimizer.build([variable])
    for step in gradient:
        optimizer.apply_gradients([(tf.constant(step), variable)])
    assert variable.numpy().tobytes() == expected.tobytes()


# ---- losses on sampled classes ----------------------------------------------------------------

SAMPLED = 6  # classes a step, drawn by NumPy, so that both styles have the same


class Classes(NamedTuple):
    """What one step is fed: ids of inputs [BATCH], their classes, sampled classes [SAMPLED]."""

    ids: np.ndarray
    labels: np.ndarray
    sampled: np.ndarray


def classes() -> list[Classes]:
    random = np.random.RandomState(3)
    return [
        Classes(*(random.randint(0, ROWS, size) for size in (BATCH, BATCH, SAMPLED)))
        for _ in range(STEPS)
    ]


def head() -> dict[str, np.ndarray]:
    """Initial values: a table of inputs, weights and biases of the classes."""
    return {"inputs": start(), "weights": start()[::-1].copy(), "biases": start()[:, 0].copy()}


def sampled_loss(function: Any, tables: dict[str, Any], fed: Any) -> Any:
    """The sum of `nce_loss` or `sampled_softmax_loss` over the batch."""
    share = SAMPLED / ROWS  # how often uniform sampling is expected to draw a class
    losses = function(
        weights=tables["weights"],
        biases=tables["biases"],
        labels=fed.labels[:, None],
        inputs=tf.nn.embedding_lookup(tables["inputs"], fed.ids),
        num_sampled=SAMPLED,
        num_classes=ROWS,
        sampled_values=(fed.sampled, tf.fill([BATCH, 1], share), tf.fill([SAMPLED], share)),
    )
    return tf.reduce_sum(losses)


def sampled_in_a_session(function: Any) -> States:
    with tf.Graph().as_default(), tf1.Session() as session:
        tables = {name: tf1.get_variable(name, initializer=value) for name, value in head().items()}
        fed = Classes(*(tf1.placeholder(tf.int64, [size]) for size in (BATCH, BATCH, SAMPLED)))
        pairs = tf1.train.AdamOptimizer(RATE).compute_gradients(sampled_loss(function, tables, fed))
        assert all(isinstance(gradient, tf.IndexedSlices) for gradient, _ in pairs)
        train = tf1.train.AdamOptimizer(RATE).apply_gradients(pairs)
        session.run(tf1.global_variables_initializer())
        found = []
        for step in classes():
            session.run(train, dict(zip(fed, step, strict=True)))
            found.append(session.run(list(tables.values())))
        return found


def sampled_by_hand(function: Any, shift: int = 0) -> States:
    """The same in a tf.function; `shift` takes other sampled classes, which is a mistake."""
    tables = {name: tf.Variable(value) for name, value in head().items()}
    adam = TF1Adam(RATE)
    adam.build(list(tables.values()))

    @tf.function
    def train(ids: Any, labels: Any, sampled: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = sampled_loss(function, tables, Classes(ids, labels, sampled))
        gradients = tape.gradient(loss, list(tables.values()))
        adam.apply_gradients(zip(gradients, tables.values(), strict=True))
        # As every train step of the pairs. A function that returns nothing is not optimized as a
        # Session's graph is: its gradients were seen to differ in the last bit.
        return loss

    found = []
    for step in classes():
        train(*map(tf.constant, step._replace(sampled=(step.sampled + shift) % ROWS)))
        found.append([table.numpy() for table in tables.values()])
    return found


@pytest.mark.parametrize("name", ["nce_loss", "sampled_softmax_loss"])
def test_losses_on_classes_sampled_by_numpy_equal_a_session(name: str) -> None:
    expected = sampled_in_a_session(getattr(tf1.nn, name))
    assert first_difference(expected, sampled_by_hand(getattr(tf.nn, name))) is None
    other = sampled_by_hand(getattr(tf.nn, name), shift=1)
    assert first_difference(expected, other) == (1, 0)


# ---- what must be found ----------------------------------------------------------------------


class NotSummed(TF1Adam):
    def apply_gradients(self, gradients_and_variables: Any) -> None:
        for (slices, variable), m, v in zip(gradients_and_variables, self.m, self.v, strict=True):
            self.apply_sparse(slices, variable, m, v)
        self.beta1_power.assign(self.beta1_power * self.beta1)
        self.beta2_power.assign(self.beta2_power * self.beta2)


class Lazy(TF1Adam):
    """Decays and moves only the rows that have a gradient, as LazyAdamOptimizer did."""

    def apply_sparse(self, slices: Any, variable: Any, m: Any, v: Any) -> None:
        beta1, beta2, ids = tf.constant(self.beta1), tf.constant(self.beta2), slices.indices
        rate = self.learning_rate * tf.sqrt(1 - self.beta2_power) / (1 - self.beta1_power)
        m_rows = tf.gather(m, ids) * beta1 + slices.values * (1 - beta1)
        v_rows = tf.gather(v, ids) * beta2 + slices.values * (slices.values * (1 - beta2))
        m.scatter_update(tf.IndexedSlices(m_rows, ids))
        v.scatter_update(tf.IndexedSlices(v_rows, ids))
        step = rate * m_rows / (tf.sqrt(v_rows) + self.epsilon)
        variable.scatter_sub(tf.IndexedSlices(step, ids))


class SquaredFirst(TF1Adam):
    """Rounds (g * g) * (1 - beta2) where a Session computes g * (g * (1 - beta2))."""

    def apply_sparse(self, slices: Any, variable: Any, m: Any, v: Any) -> None:
        old = tf.identity(v)
        super().apply_sparse(slices, variable, m, v)
        v.assign(old * tf.constant(self.beta2))
        squares = tf.square(slices.values) * (1 - tf.constant(self.beta2))
        v.scatter_add(tf.IndexedSlices(squares, slices.indices))


TABLE, M, V = 0, 1, 2


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        # Of all three the first: m is the same sum, but of roundings in another place.
        (NotSummed, (1, TABLE)),
        # At step 1 no other row has an average that could decay.
        (Lazy, (2, TABLE)),
        (SquaredFirst, (1, V)),
    ],
)
def test_another_sparse_adam_is_found(
    kind: type[TF1Adam], expected: tuple[int, int], session_adam: Any
) -> None:
    # Eagerly: a graph is optimized, and makes one formula of the other.
    assert first_difference(session_adam, adam(kind, is_eager=True)) == expected


class DenseMomentum(TF1Momentum):
    """Lets the momentum of all rows decay and moves all, where the original leaves the others."""

    def apply_gradients(self, gradients_and_variables: Any) -> None:
        super().apply_gradients([(tf.convert_to_tensor(g), v) for g, v in gradients_and_variables])


def test_momentum_of_rows_without_a_gradient_stays() -> None:
    expected = in_a_session(lambda: tf1.train.MomentumOptimizer(RATE, 0.9), ("momentum",))
    dense = momentum(use_nesterov=False, kind=DenseMomentum)
    assert first_difference(expected, dense) == (2, TABLE)  # at step 1 there is no momentum yet
    (before, after), unused = expected[:2], np.setdiff1d(np.arange(ROWS), feeds()[1].ids)
    assert len(unused) > 0
    for left, right in zip(before, after, strict=True):
        assert np.array_equal(left[unused], right[unused])


def test_ids_not_summed_change_v_by_more_than_a_rounding(session_adam: Any) -> None:
    (_, m, v), (_, other_m, other_v) = session_adam[0], adam(NotSummed)[0]
    np.testing.assert_allclose(other_m, m, rtol=1e-5, atol=1e-7)  # the order of one sum
    used = v > 0
    assert np.abs(other_v[used] / v[used] - 1).max() > 1


def test_a_session_reorders_the_square_only_when_it_optimizes_the_graph() -> None:
    """The reason for the order in `apply_sparse`: float32 products depend on it."""
    gradient = np.random.RandomState(2).randn(ROWS, 3).astype(np.float32)
    share = np.float32(1) - np.float32(0.999)
    found = []
    for is_off in (False, True):
        config = tf1.ConfigProto()
        config.graph_options.rewrite_options.disable_meta_optimizer = is_off
        with tf.Graph().as_default(), tf1.Session(config=config) as session:
            table, fed = tf1.get_variable("table", initializer=start()), tf1.placeholder(tf.float32)
            slices = tf.IndexedSlices(tf.reshape(fed, [ROWS, 3]), tf.range(ROWS), [ROWS, 3])
            trainer = tf1.train.AdamOptimizer(RATE)
            train = trainer.apply_gradients([(slices, table)])
            session.run(tf1.global_variables_initializer())
            session.run(train, {fed: gradient})
            found.append(session.run(trainer.get_slot(table, "v")))
    assert np.array_equal(found[0], gradient * (gradient * share))
    assert np.array_equal(found[1], (gradient * gradient) * share)
    assert not np.array_equal(*found)


def test_slices_are_summed_by_id_in_their_order() -> None:
    slices = tf.IndexedSlices(tf.constant([1.0, 2.0, 4.0, 8.0]), tf.constant([3, 1, 3, 0]), [4])
    summed = summed_by_id(slices)
    assert summed.indices.numpy().tolist() == [3, 1, 0]
    assert summed.values.numpy().tolist() == [5.0, 2.0, 8.0]
    assert summed.dense_shape == slices.dense_shape
