"""Training that crosses between the styles goes on as if nothing had happened."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import forked_python
from checkpoint_pairs import fresh, state, train
from checkpoint_programs import (
    FILES,
    TF1Program,
    TF2Program,
    cross,
    map_of,
    plan_for,
    proposed_map,
    tensors_of,
)
from large_models import large_are_slow
from saved import restore, save
from shared.tools.checkpoint_conversion.contents import describe
from shared.tools.checkpoint_conversion.conversion_map import CrossingMap, KerasAdam
from shared.tools.child_process import tf115_environment
from tf2_style.tf1_adam import TF1Adam
from tf115_environment import require_tf115

tf1 = tf.compat.v1
keras = tf.keras.optimizers

SAME_KERNEL: list[tuple[str, str | None]] = [
    ("linear_regression", None),
    ("relu_regression", "tf1"),
    ("softmax_regression", None),
    ("mlp", "tf1"),
    ("cnn", "tf1"),
    ("residual_network", "tf1"),
    ("recurrent_network", "tf1"),
    ("embeddings", "tf1"),
]
KERAS_ADAM: list[tuple[str, str | None]] = [
    ("relu_regression", "keras"),
    ("mlp", "keras"),
    ("cnn", "keras"),
    ("recurrent_network", "keras"),
    ("embeddings", "keras"),
]

# How far 3 updates may be apart, as a share of their length, where the arithmetic is the same but
# is rounded in other places. An Adam update is about 1e-4 a step on weights of about 0.1, so half a
# last bit of a weight (3.7e-9) is 3.7e-5 of it. Keras's own 1 - beta2 adds 0.7e-5, and float32's
# 1 - beta2**t at t = 4 the same once more. A lost step count changes it by more than 1.
BOUND = 1e-4
# A ReLU whose input is within a rounding of 0, or a pool with two candidates that are nearly equal,
# may end on the other side where sums are rounded otherwise, as on another processor. One such unit
# of the CNN is some 1e-3 of its update: see the test of one rounding below. Ten times as much is
# for the others.
KINKED, BOUND_OF_KINKED = ("mlp", "cnn", "residual_network"), 1e-2


def bound_of(name: str) -> float:
    return BOUND_OF_KINKED if name in KINKED else BOUND


def convert(conversion_map: CrossingMap, source: Path, folder: Path) -> None:
    cross(conversion_map, describe(source).prefix, folder / "model")


def values_of(path: Path, without: tuple[str, ...] = ()) -> dict[str, tuple[str, bytes]]:
    tensors = tensors_of(describe(path).prefix)
    return {name: value for name, value in tensors.items() if not name.startswith(without)}


def shares_of_update(
    found: dict[str, Any], expected: dict[str, Any], before: dict[str, Any], names: Any
) -> dict[str, float]:
    """Returns how far parameters are apart, as a share of how far training moved them."""
    return {
        name: float(
            np.linalg.norm(found[name] - expected[name])
            / np.linalg.norm(expected[name] - before[name])
        )
        for name in names
    }


def assert_identical(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name].tobytes() == value.tobytes(), name


@pytest.fixture(scope="module")
def half_trained(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., tuple[Path, Any]]:
    """Returns the folder of a half-trained model's checkpoint, and the model trained on."""
    known: dict[Any, tuple[Path, Any]] = {}

    def half_trained(style: str, name: str, optimizer: str | None = None) -> tuple[Path, Any]:
        if (style, name, optimizer) not in known:
            folder = tmp_path_factory.mktemp("half")
            model = fresh(style, name, optimizer)
            train(model, name, stretch=0)
            save(model, str(folder))
            run = {"before": state(model), "losses": train(model, name, stretch=1)}
            known[style, name, optimizer] = folder, {**run, "after": state(model)}
        return known[style, name, optimizer]

    return half_trained


@pytest.mark.parametrize(("name", "optimizer"), large_are_slow(SAME_KERNEL + KERAS_ADAM))
def test_tf2_goes_on_from_tf1(
    name: str, optimizer: str | None, half_trained: Any, tmp_path: Path
) -> None:
    source, expected = half_trained("tf1_style", name)
    convert(map_of(name, optimizer), source, tmp_path / "tf2")
    model = fresh("tf2_style", name, optimizer)
    restore(model, str(tmp_path / "tf2"))
    losses = train(model, name, stretch=1)
    assert model.step() == expected["after"]["step"]
    if optimizer == "keras":
        before, after = expected["before"], expected["after"]
        shares = shares_of_update(state(model), after, before, model.parameters)
        assert max(shares.values()) < bound_of(name), shares
    else:
        assert losses.tobytes() == expected["losses"].tobytes()
        assert_identical(state(model), expected["after"])
    convert(map_of(name, optimizer), tmp_path / "tf2", tmp_path / "back")
    assert values_of(tmp_path / "back") == values_of(source)


@pytest.mark.parametrize(("name", "optimizer"), large_are_slow(SAME_KERNEL + KERAS_ADAM[:1]))
def test_tf1_goes_on_from_tf2(
    name: str, optimizer: str | None, half_trained: Any, tmp_path: Path
) -> None:
    source, expected = half_trained("tf2_style", name, optimizer)
    convert(map_of(name, optimizer), source, tmp_path / "tf1")
    model = fresh("tf1_style", name)
    restore(model, str(tmp_path / "tf1"))
    losses = train(model, name, stretch=1)
    assert model.step() == expected["after"]["step"]
    if optimizer == "keras":
        before, after = expected["before"], expected["after"]
        shares = shares_of_update(state(model), after, before, model.parameters)
        assert max(shares.values()) < bound_of(name), shares
    else:
        assert losses.tobytes() == expected["losses"].tobytes()
        assert_identical(state(model), expected["after"])
    convert(map_of(name, optimizer), tmp_path / "tf1", tmp_path / "back")
    # The graph names the optimizer object ("adam_1"); the counter counts the files of one program.
    without = ("_CHECKPOINTABLE_OBJECT_GRAPH", "save_counter")
    assert values_of(tmp_path / "back", without) == values_of(source, without)


def test_the_bound_catches_a_lost_step_count(half_trained: Any, tmp_path: Path) -> None:
    source, expected = half_trained("tf1_style", "relu_regression")
    convert(map_of("relu_regression", "keras"), source, tmp_path / "tf2")
    model = fresh("tf2_style", "relu_regression", "keras")
    restore(model, str(tmp_path / "tf2"))
    model.optimizer.iterations.assign(0)
    train(model, "relu_regression", stretch=1)
    before, after = expected["before"], expected["after"]
    shares = shares_of_update(state(model), after, before, model.parameters)
    assert min(shares.values()) > 1000 * BOUND


OPTIMIZERS: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    "gradient descent": (
        lambda: tf1.train.GradientDescentOptimizer(0.1),
        lambda: keras.SGD(0.1),
    ),
    "Momentum": (
        lambda: tf1.train.MomentumOptimizer(0.1, 0.9),
        lambda: keras.SGD(0.1, momentum=0.9),
    ),
    "Nesterov": (
        lambda: tf1.train.MomentumOptimizer(0.1, 0.9, use_nesterov=True),
        lambda: keras.SGD(0.1, momentum=0.9, nesterov=True),
    ),
    "Adam": (
        lambda: tf1.train.AdamOptimizer(0.1),
        lambda: keras.Adam(0.1, epsilon=1e-8),
    ),
    "TF1's kernel": (
        lambda: tf1.train.AdamOptimizer(0.1),
        lambda: TF1Adam(0.1),
    ),
    "RMSProp": (
        lambda: tf1.train.RMSPropOptimizer(0.1),
        lambda: keras.RMSprop(0.1, epsilon=1e-10),
    ),
    "RMSProp, momentum": (
        lambda: tf1.train.RMSPropOptimizer(0.1, momentum=0.5),
        lambda: keras.RMSprop(0.1, momentum=0.5, epsilon=1e-10),
    ),
    "RMSProp, centered": (
        lambda: tf1.train.RMSPropOptimizer(0.1, momentum=0.5, centered=True),
        lambda: keras.RMSprop(0.1, momentum=0.5, centered=True, epsilon=1e-10),
    ),
    "Adagrad": (
        lambda: tf1.train.AdagradOptimizer(0.1),
        lambda: keras.Adagrad(0.1, epsilon=0),
    ),
}

# Parameters of about 1 after 5 updates of at most 0.1, in float32: rounding the same formulas in
# another order moves them by some last bits of 1 (1.2e-7). Keras's Adam differs by 1.4e-5 of an
# update (see BOUND): 5 x 0.1 x 1.4e-5 = 7e-6. A lost slot moves them by more than 1e-3.
ROUNDING = 1e-6
ADAM_ROUNDING = 1e-5
LOST_SLOT = 1e-3


def settings(kind: str) -> dict[str, Any]:
    """Returns the flags that a conversion of this optimizer needs."""
    found: dict[str, Any] = {"rate": 0.1} if kind in ("Momentum", "Nesterov") else {}
    if kind == "RMSProp":
        found["ignore"] = ("*/RMSProp_1",)  # TF1 keeps an unused momentum
    return found


def difference(one: TF1Program | TF2Program, other: TF1Program | TF2Program) -> float:
    pairs = zip(one.parameters(), other.parameters(), strict=True)
    return max(float(np.abs(a - b).max()) for a, b in pairs)


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_every_optimizer_goes_on_in_both_directions(kind: str, tmp_path: Path) -> None:
    in_tf1, in_tf2 = OPTIMIZERS[kind]
    bound = {"Adam": ADAM_ROUNDING, "TF1's kernel": 0.0}.get(kind, ROUNDING)
    first, second = TF1Program(in_tf1), TF2Program(in_tf2())
    conversion_map = proposed_map(first.save(tmp_path / "tf1"), second.save(tmp_path / "tf2"))
    first.train(5)
    second.restore(
        cross(conversion_map, first.save(tmp_path / "1"), tmp_path / "2", **settings(kind))
    )
    assert difference(first, second) == 0
    for program in (first, second):
        program.train(5)
    assert int(second.step) == 10
    assert difference(first, second) <= bound
    # And back, into a new program: the one at hand has the right slots already.
    third = TF1Program(in_tf1)
    source = second.save(tmp_path / "3")
    third.restore(cross(conversion_map, source, tmp_path / "4", **settings(kind)))
    for program in (second, third):
        program.train(5)
    assert difference(second, third) <= bound


@pytest.mark.parametrize("kind", sorted(set(OPTIMIZERS) - {"gradient descent"}))
def test_without_slots_training_goes_elsewhere(kind: str, tmp_path: Path) -> None:
    in_tf1, in_tf2 = OPTIMIZERS[kind]
    first, second = TF1Program(in_tf1), TF2Program(in_tf2())
    first.train(5)
    source = first.save(tmp_path / "1")
    conversion_map = proposed_map(source, second.save(tmp_path / "tf2"))
    ignore: tuple[str, ...] = (
        "layer/*/*",
        "beta?_power",
        "optimizer/_variables/*",
        "optimizer/[mvb]*",
    )
    if kind == "Adam":  # a count without its slots is refused
        ignore += ("optimizer/_iterations",)
    present = {*describe(source).variables, *describe(conversion_map.tf2).variables}
    used = tuple(p for p in ignore if any(Path(name).match(p) for name in present))
    second.restore(cross(conversion_map, source, tmp_path / "2", ignore=used))
    for program in (first, second):
        program.train(5)
    assert difference(first, second) > LOST_SLOT


def test_momentum_copied_without_its_scale_goes_elsewhere(tmp_path: Path) -> None:
    in_tf1, in_tf2 = OPTIMIZERS["Momentum"]
    first, second = TF1Program(in_tf1), TF2Program(in_tf2())
    first.train(5)
    source = first.save(tmp_path / "1")
    conversion_map = proposed_map(source, second.save(tmp_path / "tf2"))
    second.restore(cross(conversion_map, source, tmp_path / "2", rate=0.1))
    for slot in second.optimizer.momentums:
        slot.assign(slot / -0.1)  # TF1's own value
    for program in (first, second):
        program.train(5)
    assert difference(first, second) > LOST_SLOT


class NetworkOf115:
    """The TF2 program of what tests/files/checkpoints/make_tf115.py trains."""

    def __init__(self, optimizer: Any) -> None:
        encoder = {"weights": tf.Variable(tf.zeros([4, 3])), "biases": tf.Variable(tf.zeros([3]))}
        head = {"kernel.out": tf.Variable(tf.zeros([3, 1]))}
        other = {
            "int64": tf.Variable(0, dtype=tf.int64),
            "bfloat16": tf.Variable(tf.zeros([2], tf.bfloat16)),
            "bool": tf.Variable([False, False]),
        }
        self.trained = [*encoder.values(), *head.values()]
        self.averages = [tf.Variable(tf.zeros([3])), tf.Variable(tf.zeros([3, 1]))]
        self.optimizer = optimizer
        optimizer.build(self.trained)
        self.checkpoint = tf.train.Checkpoint(
            encoder=tf.train.Checkpoint(**encoder),
            head=tf.train.Checkpoint(**head),
            other=tf.train.Checkpoint(**other),
            averages=self.averages,
            optimizer=optimizer,
        )
        random = np.random.RandomState(0)
        self.inputs = random.standard_normal([8, 4]).astype(np.float32)
        self.targets = np.sin(self.inputs.sum(axis=1, keepdims=True)).astype(np.float32)

    @tf.function
    def update(self) -> None:
        weights, biases, kernel = self.trained
        with tf.GradientTape() as tape:
            hidden = tf.tanh(tf.matmul(self.inputs, weights) + biases)
            loss = tf.reduce_mean(tf.square(tf.matmul(hidden, kernel) - self.targets))
        gradients = tape.gradient(loss, self.trained)
        self.optimizer.apply_gradients(zip(gradients, self.trained, strict=True))
        for average, variable in zip(self.averages, (biases, kernel), strict=True):
            average.assign_sub((average - variable) * (1 - 0.9))


def map_of_115(optimizer: Any, folder: Path) -> CrossingMap:
    """Returns the map from the file of 1.15 to the program above, written by hand."""
    adam = isinstance(optimizer, keras.Optimizer)
    trained = ["encoder/weights", "encoder/biases", "head/kernel.out"]
    variables = {name: [name] for name in ("other/int64", "other/bfloat16", "other/bool")}
    for index, name in enumerate(trained):
        slots = f"_variables/{2 + 2 * index} _variables/{3 + 2 * index}"
        m, v = slots.split() if adam else (f"m/{index}", f"v/{index}")
        variables[name] = [name.replace(".", "..")]
        variables[f"{name}/Adam"] = [f"optimizer/{m}"]
        variables[f"{name}/Adam_1"] = [f"optimizer/{v}"]
    for index, name in enumerate(trained[1:]):
        variables[f"{name}/ExponentialMovingAverage"] = [f"averages/{index}"]
    if not adam:
        variables |= {f"beta{n}_power": [f"optimizer/beta{n}_power"] for n in (1, 2)}
    tf2 = NetworkOf115(optimizer).checkpoint.save(str(folder / "template"))
    tf1 = str(FILES / "tf115" / "model-900")
    return CrossingMap(tf1, tf2, variables, [KerasAdam("optimizer/_iterations")] if adam else [])


@pytest.mark.parametrize("make", [lambda: keras.Adam(0.01, epsilon=1e-8), lambda: TF1Adam(0.01)])
def test_a_checkpoint_of_real_1_15_goes_on_and_back(
    make: Callable[[], Any], tmp_path: Path
) -> None:
    conversion_map = map_of_115(make(), tmp_path)
    network = NetworkOf115(make())
    source = conversion_map.tf1
    target = cross(conversion_map, source, tmp_path / "tf2")
    network.checkpoint.restore(target).assert_consumed()
    # Partitioned, bfloat16, moving averages, the count of an underflowed power: all there again.
    back = cross(conversion_map, target, tmp_path / "tf1")
    assert tensors_of(back) == tensors_of(source)
    for _ in range(20):
        network.update()
    expected = describe(FILES / "tf115" / "model-920")
    names = [names[0] for names in conversion_map.variables.values()]
    found = describe(network.checkpoint.save(str(tmp_path / "after")))
    for tf1_name, tf2_name in zip(conversion_map.variables, names, strict=True):
        one, other = expected.read(tf1_name).numpy(), found.read(tf2_name).numpy()
        if one.dtype == np.float32:
            # Values of about 1 after 20 updates of some 0.001: the differences of some 1e-5 of an
            # update (see BOUND) add up to less than 1e-6; the slots are smaller still.
            assert np.abs(one - other).max() < 1e-6, tf1_name
        else:
            assert one.tobytes() == other.tobytes(), tf1_name


def test_a_checkpoint_of_real_1_12_on_python_2_goes_on_and_back(tmp_path: Path) -> None:
    random = np.random.RandomState(0)
    inputs = random.standard_normal([16, 3]).astype(np.float32)
    targets = inputs.sum(axis=1, keepdims=True) + np.float32(1)
    line = {"weights": tf.Variable(tf.zeros([3, 1])), "biases": tf.Variable(tf.zeros([1]))}
    variables, optimizer = list(line.values()), keras.SGD(0.03, momentum=0.9)
    optimizer.build(variables)
    checkpoint = tf.train.Checkpoint(line=tf.train.Checkpoint(**line), optimizer=optimizer)
    source = str(FILES / "tf112" / "model-20")
    conversion_map = proposed_map(source, checkpoint.save(str(tmp_path / "template")))
    target = cross(conversion_map, source, tmp_path / "tf2", rate=0.03)
    checkpoint.restore(target).assert_consumed()
    assert int(optimizer.iterations) == 20  # an int32 global step in the file
    back = tensors_of(cross(conversion_map, target, tmp_path / "tf1"))
    slots = {"line/weights/Momentum", "line/biases/Momentum"}  # scaled there and back
    for name, value in tensors_of(source).items():
        assert name in slots or back[name] == value, name
    for _ in range(20):
        with tf.GradientTape() as tape:
            outputs = tf.matmul(inputs, line["weights"]) + line["biases"]
            loss = tf.reduce_mean(tf.square(outputs - targets))
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
    expected = describe(FILES / "tf112" / "model-40")
    for name, variable in line.items():
        # Values of about 1: 20 updates, each rounded to a last bit of 1.2e-7 at most.
        assert np.abs(expected.read(f"line/{name}") - variable).max() < 20 * 1.2e-7, name


def run_in_tf115(*arguments: str | Path) -> None:
    result = forked_python.run([require_tf115(), *arguments], env=tf115_environment())
    assert result.returncode == 0, result.stderr


@pytest.mark.slow
def test_one_rounding_of_its_weights_moves_an_update_of_the_cnn_by_more_than_roundings(
    half_trained: Any,
) -> None:
    folder, expected = half_trained("tf2_style", "cnn", "tf1")
    random, largest = np.random.default_rng(0), []
    for _ in range(8):
        model = fresh("tf2_style", "cnn", "tf1")
        restore(model, str(folder))
        for parameter in model.parameters.values():
            towards = random.choice(np.array([-np.inf, np.inf], np.float32), parameter.shape)
            parameter.assign(np.nextafter(parameter.numpy(), towards))
        train(model, "cnn", stretch=1)
        before, after = expected["before"], expected["after"]
        shares = shares_of_update(state(model), after, before, model.parameters)
        largest.append(max(shares.values()))
    assert BOUND < max(largest) < BOUND_OF_KINKED / 5, largest


@pytest.mark.tf115
@pytest.mark.slow
def test_pairs_cross_to_real_1_15_and_from_it(tmp_path: Path) -> None:
    script = Path(__file__).parents[1] / "helpers" / "checkpoint_pairs.py"
    run_in_tf115(script, "train", tmp_path)
    states: dict[str, list[dict[str, np.ndarray]]] = {}
    parameters = {}
    for name, optimizer in SAME_KERNEL:
        folder, conversion_map = tmp_path / name, map_of(name, optimizer)
        convert(conversion_map, folder / "half", folder / "tf2")
        model = fresh("tf2_style", name, optimizer)
        restore(model, str(folder / "tf2"))
        states[name], parameters[name] = [state(model)], list(model.parameters)
        for stretch in (1, 2):
            train(model, name, stretch)
            states[name].append(state(model))
            if stretch == 1:
                save(model, str(folder / "trained"))
                convert(conversion_map, folder / "trained", folder / "back")
        before, after, _ = states[name]
        real = np.load(folder / "after.npz")
        shares = shares_of_update(after, real, before, model.parameters)
        assert max(shares.values()) < bound_of(name), (name, shares)
    run_in_tf115(script, "resume", tmp_path)
    for name, (_, expected, after) in states.items():
        folder = tmp_path / name
        assert_identical(dict(np.load(folder / "restored.npz")), expected)
        real = np.load(folder / "after.npz")
        shares = shares_of_update(real, after, expected, parameters[name])
        assert max(shares.values()) < bound_of(name), (name, shares)


PARTITIONED = """
import sys
sys.path.insert(0, {scripts!r})
import make_tf115, tensorflow.compat.v1 as tf
update, saver = make_tf115.build(), tf.train.Saver()
with tf.Session() as session:
    for source, target in {crossings!r}:
        saver.restore(session, source)
        for _ in range(20):
            session.run(update)
        saver.save(session, target, write_meta_graph=False, write_state=False)
"""


@pytest.mark.slow
@pytest.mark.tf115
def test_what_goes_back_is_restored_by_real_1_15_into_a_partitioned_variable(
    tmp_path: Path,
) -> None:
    conversion_map = map_of_115(keras.Adam(0.01), tmp_path)
    source = conversion_map.tf1
    back = cross(conversion_map, cross(conversion_map, source, tmp_path / "2"), tmp_path / "1")
    targets = [str(tmp_path / "from_source"), str(tmp_path / "from_back")]
    crossings = list(zip([source, back], targets, strict=True))
    code = PARTITIONED.format(scripts=str(FILES), crossings=crossings)
    run_in_tf115("-c", code)
    assert tensors_of(targets[0]) == tensors_of(targets[1])


def test_a_plan_shows_what_the_program_must_have_right(tmp_path: Path) -> None:
    conversion_map = map_of_115(keras.Adam(0.01), tmp_path)
    assert [
        "epsilon=1e-8" in note for note in plan_for(conversion_map, conversion_map.tf1).notes
    ] == [True]
