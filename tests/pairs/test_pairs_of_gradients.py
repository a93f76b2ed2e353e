"""`apply_gradients` of TF1Adam and TF1Momentum finds slots by variable, as a Session's does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tf2_style import tf1_adam
from tf2_style.tf1_adam import TF1Adam
from tf2_style.tf1_momentum import TF1Momentum

tf1 = tf.compat.v1
NAMES = ["a", "b", "c"]
RATE, STEPS = 0.1, 4
Values = dict[str, np.ndarray]
# One shape, so that slots of the wrong variable would fit, and another gradient for each.
START = {name: np.full([2], number, np.float32) for number, name in enumerate(NAMES, start=1)}
GRADIENTS = {
    "a": np.array([1, -2], np.float32),
    "b": np.array([10, 3], np.float32),
    "c": np.array([-5, 7], np.float32),
}

# What each step passes: names in their order, None in place of a gradient.
Step = list[tuple[str, bool]]


def all_of(names: Sequence[str]) -> Step:
    return [(name, True) for name in names]


CASES: dict[str, list[Step]] = {
    "in the order of `build`": [all_of("abc")] * STEPS,
    "in another order": [all_of("cab")] * STEPS,
    "another order at each step": [all_of("abc"), all_of("bca"), all_of("cab"), all_of("abc")],
    "a subset": [all_of("b")] * STEPS,
    "another subset at each step": [all_of("ab"), all_of("c"), all_of("bc"), all_of("a")],
    "a None gradient": [[("a", False), ("b", True), ("c", True)]] * STEPS,
    "a None gradient at one step": [all_of("abc"), [("a", True), ("b", False)], all_of("cb")],
}


def pairs(step: Step, variables: dict[str, Any]) -> list[tuple[Any, Any]]:
    return [
        (tf.constant(GRADIENTS[name]) if has_gradient else None, variables[name])
        for name, has_gradient in step
    ]


def in_a_session(optimizer: Callable[[], Any], steps: list[Step], slots: Sequence[str]) -> Values:
    """Variables, slots and what else the optimizer keeps, after all steps."""
    with tf.Graph().as_default(), tf1.Session() as session:
        variables = {name: tf1.get_variable(name, initializer=START[name]) for name in NAMES}
        trainer = optimizer()
        updates = [trainer.apply_gradients(pairs(step, variables)) for step in steps]
        session.run(tf1.global_variables_initializer())
        for update in updates:
            session.run(update)
        found = {**variables}
        for name in NAMES:
            for slot in slots:
                # A variable that never had a gradient has no slot yet: it would be 0.
                found[f"{name}/{slot}"] = trainer.get_slot(variables[name], slot)
        for variable in trainer.variables():
            if variable.op.name.endswith("_power"):
                found[variable.op.name] = variable
        there = {name: each for name, each in found.items() if each is not None}
        values = session.run(there)
    return {name: values.get(name, np.zeros([2], np.float32)) for name in found}


def adam_in_a_session(steps: list[Step]) -> Values:
    return in_a_session(lambda: tf1.train.AdamOptimizer(RATE), steps, ["m", "v"])


def momentum_in_a_session(steps: list[Step]) -> Values:
    return in_a_session(lambda: tf1.train.MomentumOptimizer(RATE, 0.9), steps, ["momentum"])


def by_hand(optimizer: Any, steps: list[Step], is_eager: bool) -> dict[str, Any]:
    variables = {name: tf.Variable(START[name], name=name) for name in NAMES}
    optimizer.build(list(variables.values()))
    for step in steps:

        def train(step: Step = step) -> None:
            optimizer.apply_gradients(iter(pairs(step, variables)))

        (train if is_eager else tf.function(train))()
    return variables


def arrays(found: dict[str, Any]) -> Values:
    return {name: each.numpy() for name, each in found.items()}


def adam(steps: list[Step], is_eager: bool = True, kind: type[TF1Adam] = TF1Adam) -> Values:
    optimizer = kind(RATE)
    found = by_hand(optimizer, steps, is_eager)
    for name, m, v in zip(NAMES, optimizer.m, optimizer.v, strict=True):
        found.update({f"{name}/m": m, f"{name}/v": v})
    return arrays({**found, **optimizer.powers()})


def momentum(steps: list[Step], is_eager: bool = True) -> Values:
    optimizer = TF1Momentum(lambda step: RATE, 0.9, tf.Variable(0, dtype=tf.int64))
    found = by_hand(optimizer, steps, is_eager)
    for name, slot in zip(NAMES, optimizer.momentums, strict=True):
        found[f"{name}/momentum"] = slot
    return arrays(found)


def differing(a: Values, b: Values) -> list[str]:
    assert set(a) == set(b)
    return [name for name in a if a[name].tobytes() != b[name].tobytes()]


# A tf.function is traced for each step, which takes time: one case, in which every step differs.
MODES = [(case, True) for case in CASES] + [("another subset at each step", False)]


@pytest.mark.parametrize(("case", "is_eager"), MODES)
def test_adam_equals_a_session(case: str, is_eager: bool) -> None:
    expected = adam_in_a_session(CASES[case])
    assert len(expected) == 3 + 2 * 3 + 2
    assert differing(expected, adam(CASES[case], is_eager)) == []


@pytest.mark.parametrize(("case", "is_eager"), MODES)
def test_momentum_equals_a_session(case: str, is_eager: bool) -> None:
    expected = momentum_in_a_session(CASES[case])
    assert len(expected) == 3 + 3
    assert differing(expected, momentum(CASES[case], is_eager)) == []


class ByPosition(TF1Adam):
    """Takes the slots in the order of the pairs: the mistake that these tests are for."""

    def apply_gradients(self, gradients_and_variables: Any) -> None:
        for (gradient, variable), m, v in zip(
            gradients_and_variables, self.m, self.v, strict=False
        ):
            self.apply_dense(gradient, variable, m, v)
        self.beta1_power.assign(self.beta1_power * self.beta1)
        self.beta2_power.assign(self.beta2_power * self.beta2)


def test_slots_taken_by_position_are_found() -> None:
    in_order, other = CASES["in the order of `build`"], CASES["in another order"]
    assert differing(adam_in_a_session(in_order), adam(in_order, kind=ByPosition)) == []
    # With one order for all steps only the slots differ, not what is trained by them.
    slots = [f"{name}/{slot}" for name in NAMES for slot in "mv"]
    assert differing(adam_in_a_session(other), adam(other, kind=ByPosition)) == slots
    subset = CASES["a subset"]
    assert differing(adam_in_a_session(subset), adam(subset, kind=ByPosition)) == slots[:4]
    mixed = CASES["another order at each step"]
    expected, found = adam_in_a_session(mixed)["a"][0], adam(mixed, kind=ByPosition)["a"][0]
    # Adam moves a by the rate at each step, for its gradient is always 1. 1 - beta2**t cancels, so
    # that a rounding of 6e-8 becomes 6e-5 of the first step, and its root half of that.
    assert expected == pytest.approx(1 - STEPS * RATE, abs=3e-5 * RATE * STEPS)
    assert abs(found - expected) > 0.05


OPTIMIZERS: dict[str, Callable[[], Any]] = {
    "Adam": lambda: TF1Adam(RATE),
    "momentum": lambda: TF1Momentum(lambda step: RATE, 0.9, tf.Variable(0, dtype=tf.int64)),
}


@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_an_unknown_variable_is_refused_before_any_moves(make: Any) -> None:
    a, other = tf.Variable([1.0, 2.0], name="a"), tf.Variable([3.0, 4.0], name="other")
    optimizer, gradient = make(), tf.constant([1.0, 1.0])
    optimizer.build([a])
    before = [value.numpy() for value in (a, other, *optimizer.variables)]
    with pytest.raises(
        ValueError, match="expected variables that `build` was given, found other:0"
    ):
        optimizer.apply_gradients([(gradient, a), (gradient, other)])
    with pytest.raises(ValueError, match="found other:0"):
        optimizer.apply_gradients([(None, other)])
    after = [value.numpy() for value in (a, other, *optimizer.variables)]
    assert [x.tobytes() for x in before] == [y.tobytes() for y in after]


@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_no_gradient_at_all_is_refused_as_by_a_session(make: Any) -> None:
    a, optimizer = tf.Variable([1.0, 2.0], name="a"), make()
    optimizer.build([a])
    with pytest.raises(ValueError, match="found none of 1 variables"):
        optimizer.apply_gradients([(None, a)])
    with pytest.raises(ValueError, match="found none of 0 variables"):
        optimizer.apply_gradients([])
    with tf.Graph().as_default():
        variable = tf1.get_variable("a", initializer=1.0)
        with pytest.raises(ValueError, match="No gradients provided"):
            tf1.train.AdamOptimizer(RATE).apply_gradients([(None, variable)])


@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_an_update_before_build_is_refused(make: Any) -> None:
    a = tf.Variable([1.0, 2.0], name="a")
    with pytest.raises(ValueError, match="found a:0"):
        make().apply_gradients([(tf.constant([1.0, 1.0]), a)])


@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_a_module_that_holds_an_optimizer_does_not_train_its_slots(make: Any) -> None:
    module = tf.Module()
    module.a, module.optimizer = tf.Variable([1.0, 2.0], name="a"), make()
    module.optimizer.build([module.a])
    assert [each for each in module.trainable_variables if each.dtype == tf.float32] == [module.a]


def test_a_variable_of_another_dtype_is_refused() -> None:
    wide = tf.Variable(np.ones(2), name="wide")
    with pytest.raises(ValueError, match="wide:0: expected a float32 variable, found one of f"):
        TF1Adam(RATE).build([tf.Variable(1.0), wide])


def test_what_finds_slots_is_not_in_a_checkpoint(tmp_path: Any) -> None:
    optimizer = TF1Adam(RATE)
    optimizer.build([tf.Variable(1.0), tf.Variable(2.0)])
    path = tf.train.Checkpoint(optimizer=optimizer).save(str(tmp_path / "model"))
    keys = {name.partition("/.")[0] for name, _ in tf.train.list_variables(path)}
    assert keys == {
        "_CHECKPOINTABLE_OBJECT_GRAPH",
        "save_counter",
        *(f"optimizer/{name}" for name in ("m/0", "m/1", "v/0", "v/1")),
        *(f"optimizer/{name}" for name in ("beta1_power", "beta2_power")),
    }
    assert tf1_adam.with_slots([(1.0, v := tf.Variable(1.0))], [v.ref()], ["s"]) == [(1.0, v, "s")]
