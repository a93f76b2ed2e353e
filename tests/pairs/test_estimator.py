"""A plain loop trains as MonitoredTrainingSession and Estimator do; a broken one is placed."""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import forked_python
from numpy_models import cross_entropies, of_logits, right_class, softmax
from shared.data.batch_order import batch_rows
from shared.data.digits import load_digits
from shared.program.sections import run_sections
from shared.tools.child_process import tf115_environment
from shared.tools.commands import main as pairs_command
from shared.tools.compare.distances import relative_l2
from shared.tools.parity.bounds import CONVEX
from tf1_style import estimator as tf1_estimator
from tf1_style.estimator import tf as tf1
from tf2_style import estimator as tf2_estimator
from tf2_style.estimator import Model
from tf115_environment import ROOT, require_tf115, run_tf115

Found = Mapping[str, Any]

# The variables of a checkpoint, by their names in either style.
SUFFIX = "/.ATTRIBUTES/VARIABLE_VALUE"
NAMES = {
    "weights": "weights",
    "biases": "biases",
    "global_step": "global_step",
    "weights/Momentum": "optimizer/momentums/0",
    "biases/Momentum": "optimizer/momentums/1",
}


def values(path: str, style: str = "tf1") -> dict[str, np.ndarray]:
    """The variables and slots in a checkpoint, by TensorFlow 1's names."""
    reader = tf.train.load_checkpoint(path)
    if style == "tf1":
        return {name: reader.get_tensor(name) for name in NAMES}
    return {name: reader.get_tensor(other + SUFFIX) for name, other in NAMES.items()}


def first_difference(a: Found, b: Found, first_step: int = 1) -> tuple[str, Any] | None:
    """What differs first, and where: in bits of a loss, then of an evaluation, then of a list."""
    for step, (x, y) in enumerate(
        itertools.zip_longest(a["losses"], b["losses"]), start=first_step
    ):
        if x is None or y is None or np.float32(x) != np.float32(y):
            return "losses", step
    for step, numbers in a["evaluations"].items():
        for name, number in numbers.items():
            if np.float32(number) != np.float32(b["evaluations"].get(step, {}).get(name, np.nan)):
                return name, step
    if a["logged"] != b["logged"]:
        return "logged", len(b["logged"])
    return ("kept", b["kept"]) if a["kept"] != b["kept"] else None


@pytest.fixture(scope="module", autouse=True)
def digits_read_once() -> Iterator[None]:
    """Reading and scaling them for every input would take half of the time of these tests."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (tf1_estimator, tf2_estimator):
            patch.setattr(module, "load_digits", functools.cache(load_digits))
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("estimator")


@pytest.fixture(scope="module")
def sessions(folder: Path) -> list[Found]:
    """60 steps in a monitored Session, and 30 more in another."""
    return [tf1_estimator.monitored_session(f"{folder}/tf1", last) for last in (60, 90)]


@pytest.fixture(scope="module")
def loops(folder: Path) -> list[Found]:
    """The same in a loop, with evaluations."""
    return [tf2_estimator.train_and_evaluate(f"{folder}/tf2", last) for last in (60, 90)]


def test_the_loop_equals_a_monitored_session_in_every_bit(
    folder: Path, sessions: list[Found], loops: list[Found]
) -> None:
    for session, loop, steps in zip(sessions, loops, (60, 30), strict=True):
        assert len(loop["losses"]) == steps
        assert np.array(session["losses"]).tobytes() == np.array(loop["losses"]).tobytes()
        assert session["logged"] == loop["logged"] == loop["losses"][::20]
        assert session["kept"] == loop["kept"]
    assert loops[0]["kept"] == [20, 40, 60] and loops[1]["kept"] == [60, 80, 90]
    for step in loops[1]["kept"]:
        one = values(f"{folder}/tf1/model.ckpt-{step}")
        other = values(f"{folder}/tf2/model.ckpt-{step}", "tf2")
        assert one["global_step"] == step and np.any(one["weights/Momentum"])
        assert {name for name in NAMES if one[name].tobytes() != other[name].tobytes()} == set()


# A rounding for each of the 784 terms of a logit, at random, with a margin of eight. Training is
# convex: what an earlier step has rounded does not grow.
BOUND = 8 * 784**0.5 * 2.0**-24


def numpy_training(steps: int) -> Iterator[tuple[float, dict[str, np.ndarray]]]:
    """Trains in float64; yields the loss of each step, and the variables after it."""
    digits = load_digits()
    p = {"weights": np.zeros([784, 10]), "biases": np.zeros([10])}
    momentum = {name: np.zeros_like(value) for name, value in p.items()}
    for step, rows in enumerate(batch_rows(1000, 50, range(steps), 7)):
        images = digits.train_images[rows].astype(np.float64)
        labels = digits.train_labels[rows].astype(np.float64)
        noise = tf.random.stateless_uniform([50, 784], [7, step]).numpy()
        images = np.where(noise < np.float32(0.8), images / 0.8, 0)
        logits = softmax(p, images)
        error = of_logits(logits, labels)
        for name, gradient in (("weights", images.T @ error), ("biases", error.sum(axis=0))):
            momentum[name] = 0.9 * momentum[name] + gradient
            p = {**p, name: p[name] - 0.1 * momentum[name]}
        yield float(cross_entropies(logits, labels).mean()), p


def test_losses_and_evaluations_are_numpys(loops: list[Found]) -> None:
    # What both styles have alike wrong, no comparison of the two can see.
    digits, trained = load_digits(), list(numpy_training(60))
    images, labels = (
        array.astype(np.float64) for array in (digits.test_images, digits.test_labels)
    )
    np.testing.assert_allclose(loops[0]["losses"], [loss for loss, _ in trained], rtol=BOUND)
    for step, found in loops[0]["evaluations"].items():
        logits = softmax(trained[step - 1][1], images)
        losses = cross_entropies(logits, labels)
        parts = [losses[start : start + 300].mean() for start in range(0, 2000, 300)]
        assert found["loss"] == pytest.approx(np.mean(parts), rel=BOUND)
        assert found["accuracy"] == np.float32(right_class(logits, labels).mean())


def test_the_model_learns(loops: list[Found]) -> None:
    assert [step for loop in loops for step in loop["evaluations"]] == [20, 40, 60, 80, 90]
    assert 0.7 < loops[0]["evaluations"][20]["accuracy"] < 0.8
    assert 0.8 < loops[1]["evaluations"][90]["accuracy"] < 0.9


def test_the_data_starts_over_when_training_is_resumed(loops: list[Found]) -> None:
    # With the same images and the same weights, only the mask of dropout would differ.
    model = Model()
    first_batch = next(iter(tf2_estimator.train_input()))
    assert np.float32(loops[0]["losses"][0]) == model.train_step(*first_batch).numpy()
    again = next(iter(tf2_estimator.train_input()))
    assert all(np.array_equal(one, other) for one, other in zip(first_batch, again, strict=True))


# ---- what hooks do -----------------------------------------------------------------------------


@pytest.mark.parametrize("module", [tf1_estimator, tf2_estimator])
def test_saves_and_stops_are_counted_from_where_a_run_starts(module: Any, tmp_path: Path) -> None:
    path = str(tmp_path)
    assert module.monitored_session(path, 30)["kept"][-2:] == [20, 30]
    assert module.monitored_session(path, 50)["kept"] == [20, 30, 50]  # not at 40
    # StopAtStepHook asks after a step, a loop asks before one.
    more = 1 if module is tf1_estimator else 0
    assert len(module.monitored_session(path, 50)["losses"]) == more


class Telling(tf1.train.SessionRunHook):
    """Tells what it is asked, and the loss that it gets."""

    def __init__(self, name: str, told: list[str], fetched: str) -> None:
        self.name, self.told, self.fetched = name, told, fetched
        self.values: list[float] = []

    def before_run(self, run_context: Any) -> Any:
        self.told.append(f"{self.name} before")
        return tf1.train.SessionRunArgs(self.fetched)

    def after_run(self, run_context: Any, run_values: Any) -> None:
        self.told.append(f"{self.name} after")
        self.values.append(run_values.results)


def test_hooks_are_asked_in_order_and_see_the_values_of_their_run() -> None:
    told: list[str] = []
    one, other = (Telling(name, told, "loss:0") for name in ("one", "other"))
    with tf.Graph().as_default():
        batch = tf1.data.make_one_shot_iterator(tf1_estimator.train_input()).get_next()
        loss, train_op = tf1_estimator.Model().train_step(*batch)
        with tf1.train.MonitoredTrainingSession(hooks=[one, other]) as session:
            fetched = [session.run([loss, train_op])[0] for _ in range(2)]
    # Not in the reverse order after a run, as contexts are left.
    assert told == ["one before", "other before", "one after", "other after"] * 2
    assert one.values == other.values == fetched and fetched[0] != fetched[1]


# ---- what TensorFlow 2 has not ----------------------------------------------------------------


def test_tensorflow_2_has_no_estimators() -> None:
    assert not hasattr(tf, "estimator") and not hasattr(tf1, "estimator")
    assert hasattr(tf1.train, "MonitoredTrainingSession")


def test_the_tensorflow_1_file_says_what_it_needs(capsys: pytest.CaptureFixture[str]) -> None:
    sections = tf1_estimator.SECTIONS[1:]
    assert run_sections(tf1_estimator.__doc__, sections, []) == 2
    captured = capsys.readouterr()
    assert captured.out == "train_and_evaluate until step 60\n"
    assert captured.err == (
        f"error: tf.estimator: expected TensorFlow 1.15, found {tf.__version__}, which has none; "
        "`make tf115`, then .venv-tf115/bin/python -m tf1_style.estimator\n"
    )


@pytest.mark.slow
def test_both_styles_print_the_same_lines_of_a_session(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(tf1_estimator, capsys, 1)
    assert lines == printed(tf2_estimator, capsys, 1) and len(lines) == 3


def printed(module: Any, capsys: pytest.CaptureFixture[str], sections: int) -> list[str]:
    assert run_sections(module.__doc__, module.SECTIONS[:sections], []) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    lines = captured.out.splitlines()
    assert max(map(len, lines)) <= 80
    return lines


def test_the_programs_take_no_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        run_sections(tf2_estimator.__doc__, tf2_estimator.SECTIONS, ["train"])
    assert caught.value.code == 2
    assert "unrecognized arguments: train" in capsys.readouterr().err


# ---- the mistakes -----------------------------------------------------------------------------


class DropsInEvaluation(Model):
    def forward(self, images: Any, is_training: bool) -> Any:
        return Model.forward(self, images, True)


class NeverDrops(Model):
    def forward(self, images: Any, is_training: bool) -> Any:
        return Model.forward(self, images, False)


class CountsNothing(Model):
    def train_step(self, images: Any, labels: Any) -> Any:
        loss = super().train_step(images, labels)
        self.global_step.assign_sub(1)
        return loss


class CountsTwice(Model):
    def train_step(self, images: Any, labels: Any) -> Any:
        loss = super().train_step(images, labels)
        self.global_step.assign_add(1)
        return loss


RIGHT_INPUT, RIGHT_RESUMED = tf2_estimator.train_input, tf2_estimator.resumed
RIGHT_EVALUATE = tf2_estimator.evaluate


def slots_forgotten(folder: str) -> Any:
    model, manager = RIGHT_RESUMED(folder)
    for slot in model.optimizer.momentums:
        slot.assign(tf.zeros_like(slot))
    return model, manager


def goes_on_with_the_data() -> Callable[[], Any]:
    """Input that a second run finds where the first one, of 60 steps, has left it."""
    runs = itertools.count()
    return lambda: RIGHT_INPUT().skip(60 * next(runs))


def evaluates_over_examples(folder: str) -> dict[str, Any]:
    """The mean over examples where an Estimator has one over batches."""
    model, _ = tf2_estimator.resumed(folder)
    digits = load_digits()
    logits = model.forward(digits.test_images, False)
    right = tf.argmax(logits, axis=1) == tf.argmax(digits.test_labels, axis=1)
    accuracy = tf.reduce_mean(tf.cast(right, tf.float32)).numpy()
    loss = model.loss(logits, digits.test_labels).numpy()
    return {"accuracy": accuracy, "loss": loss, "global_step": int(model.global_step)}


def evaluates_a_step_later(folder: str) -> dict[str, Any]:
    """The live variables, after one more step, where an Estimator reads the checkpoint."""
    model, manager = tf2_estimator.resumed(folder)
    step = int(model.global_step)
    model.train_step(*next(iter(tf2_estimator.train_input().skip(step))))
    manager.save(checkpoint_number=step)
    return {**RIGHT_EVALUATE(folder), "global_step": step}


def evaluates_the_first_batch(folder: str) -> dict[str, Any]:
    model, _ = tf2_estimator.resumed(folder)
    images, labels = next(iter(tf2_estimator.test_input()))
    logits = model.forward(images, False)
    right = tf.argmax(logits, axis=1) == tf.argmax(labels, axis=1)
    accuracy = tf.reduce_mean(tf.cast(right, tf.float32)).numpy()
    return {**RIGHT_EVALUATE(folder), "accuracy": accuracy}


TWINS: dict[str, tuple[str, Any, tuple[str, Any]]] = {
    # name: (what is replaced, by what, (what differs first, at which step or how))
    "dropout in evaluation": ("Model", DropsInEvaluation, ("accuracy", 20)),
    "no dropout in training": ("Model", NeverDrops, ("losses", 2)),  # all weights start at 0
    "steps not counted": ("Model", CountsNothing, ("losses", 2)),  # the mask of step 1 again
    "steps counted twice": ("Model", CountsTwice, ("losses", 2)),
    "evaluation over examples": ("evaluate", evaluates_over_examples, ("loss", 20)),
    "evaluation of one batch": ("evaluate", evaluates_the_first_batch, ("accuracy", 20)),
    "evaluation a step later": ("evaluate", evaluates_a_step_later, ("accuracy", 20)),
    "data goes on": ("train_input", goes_on_with_the_data(), ("losses", 61)),
    "slots not restored": ("resumed", slots_forgotten, ("losses", 62)),  # one update later
    "one checkpoint more kept": ("KEPT", 4, ("kept", [40, 60, 80, 90])),
    "logged at other steps": ("LOG_EVERY", 30, ("logged", 2)),
}


@pytest.fixture
def right(sessions: list[Found], loops: list[Found]) -> list[Found]:
    """The losses and lists of the Sessions; evaluations, which they have not, of the loops."""
    both = zip(sessions, loops, strict=True)
    return [{**session, "evaluations": loop["evaluations"]} for session, loop in both]


# What these break, the loop or the evaluation, others break in the quick tests.
SLOW = (
    "steps counted twice",
    "evaluation over examples",
    "evaluation of one batch",
    "slots not restored",
    "logged at other steps",
)


@pytest.mark.parametrize(
    "mistake",
    [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in TWINS],
)
def test_a_broken_loop_is_found_where_it_breaks(
    mistake: str, right: list[Found], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replaced, broken, expected = TWINS[mistake]
    assert getattr(tf2_estimator, replaced)
    monkeypatch.setattr(tf2_estimator, replaced, broken)
    assert next(filter(None, placed(tmp_path, right)), None) == expected


def placed(folder: Path, right: list[Found]) -> Iterator[tuple[str, Any] | None]:
    """The first differences of 60 steps, and of 30 more, each from the right ones."""
    for last, first, expected in ((60, 1, right[0]), (90, 61, right[1])):
        yield first_difference(expected, tf2_estimator.train_and_evaluate(str(folder), last), first)


def test_the_right_loop_has_no_difference(right: list[Found], loops: list[Found]) -> None:
    pairs = zip(right, loops, strict=True)
    assert [first_difference(session, loop) for session, loop in pairs] == [None, None]


# ---- checkpoints and exports across the styles ------------------------------------------------


def convert(source: str, target: str, to: str, templates: tuple[str, str], folder: Path) -> None:
    """Converts with the map that `pairs checkpoint map` proposes, without an edit."""
    proposed = folder / "map.toml"
    with proposed.open("w") as file, contextlib.redirect_stdout(file):
        assert pairs_command(["checkpoint", "map", *templates]) == 0
    lines = [f'"{name}" = "{other}"\n' for name, other in NAMES.items()]
    assert all(line in proposed.read_text() for line in lines)
    command = ["checkpoint", "convert", source, target, "--to", to]
    assert pairs_command([*command, "--map", str(proposed)]) == 0


def test_a_converted_checkpoint_goes_on_in_the_other_style(
    folder: Path, sessions: list[Found], loops: list[Found], tmp_path: Path
) -> None:
    templates = (f"{folder}/tf1/model.ckpt-60", f"{folder}/tf2/model.ckpt-60")
    expected = np.array(loops[1]["losses"]).tobytes()
    for to, module in (("tf1", tf1_estimator), ("tf2", tf2_estimator)):
        source = templates[1] if to == "tf1" else templates[0]
        convert(source, f"{tmp_path}/{to}/model.ckpt-60", to, templates, tmp_path)
        found = module.monitored_session(f"{tmp_path}/{to}", 90)
        assert np.array(found["losses"]).tobytes() == expected


def served(path: str) -> np.ndarray:
    """The logits [2000, 10] that a SavedModel serves of the test images."""
    signature = tf.saved_model.load(path).signatures["serving_default"]
    logits: np.ndarray = signature(images=tf.constant(load_digits().test_images))["logits"].numpy()
    return logits


def test_the_exported_model_serves_the_newest_checkpoint(
    folder: Path, loops: list[Found], tmp_path: Path
) -> None:
    logits = served(tf2_estimator.export(f"{folder}/tf2", str(tmp_path)))
    right = logits.argmax(axis=1) == load_digits().test_labels.argmax(axis=1)
    assert np.float32(right.mean()) == loops[1]["evaluations"][90]["accuracy"]


# ---- TensorFlow 1.15, which has estimators ----------------------------------------------------


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which tests/helpers/estimator_runs.py has trained under TensorFlow 1.15."""
    folder, helpers = tmp_path_factory.mktemp("tf115"), str(ROOT / "tests" / "helpers")
    done = forked_python.run(
        [require_tf115(), "-m", "estimator_runs", folder],
        env={**tf115_environment(), "PYTHONPATH": f"{ROOT}:{helpers}"},
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def estimators(old: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((old / "found.json").read_text())
    return found


@pytest.mark.slow
@pytest.mark.tf115
def test_the_loop_equals_the_estimator(
    folder: Path, old: Path, loops: list[Found], estimators: dict[str, Any]
) -> None:
    """Softmax, as the pair softmax_regression is: the bound of its losses under 1.15 holds here."""
    for loop, last in zip(loops, (60, 90), strict=True):
        estimator = estimators[f"train_and_evaluate {last}"]
        assert len(loop["losses"]) == len(estimator["losses"])
        assert relative_l2(np.array(loop["losses"]), estimator["losses"]) <= CONVEX.limit
        assert relative_l2(np.array(loop["logged"]), estimator["logged"]) <= CONVEX.limit
        assert loop["kept"] == estimator["kept"]
        evaluations = {int(step): each for step, each in estimator["evaluations"].items()}
        assert list(loop["evaluations"]) == sorted(evaluations)
        for step, numbers in loop["evaluations"].items():
            # A count of 2,000 images in both, so it has no rounding of its own.
            assert np.float32(evaluations[step]["accuracy"]) == numbers["accuracy"]
            assert evaluations[step]["loss"] == pytest.approx(numbers["loss"], rel=CONVEX.limit)
    for step in loops[1]["kept"]:
        one = values(f"{old}/train_and_evaluate/model.ckpt-{step}")
        other = values(f"{folder}/tf2/model.ckpt-{step}", "tf2")
        assert one["global_step"] == other["global_step"] == step
        for name in NAMES:
            assert relative_l2(other[name], one[name]) <= CONVEX.limit, (step, name)


@pytest.mark.slow
@pytest.mark.tf115
def test_an_estimator_equals_a_monitored_session_of_its_own_tensorflow(
    old: Path, estimators: dict[str, Any]
) -> None:
    one, other = estimators["monitored_session 60"], estimators["train_and_evaluate 60"]
    assert one["losses"] == other["losses"] and one["kept"] == other["kept"]
    tensors = [
        values(f"{old}/{name}/model.ckpt-60")
        for name in ("monitored_session", "train_and_evaluate")
    ]
    assert all(tensors[0][name].tobytes() == tensors[1][name].tobytes() for name in NAMES)


@pytest.mark.slow
@pytest.mark.tf115
def test_what_an_estimator_does_unasked(estimators: dict[str, Any], folder: Path) -> None:
    # Past its last step it trains nothing, evaluates nothing and says nothing.
    nothing = estimators["nothing to do"]
    assert nothing["losses"] == [] and nothing["evaluations"] == {}
    # By default the evaluation of step 40 falls to the 600 seconds of throttle_secs, and 100
    # batches are evaluated, here of 10: half of the test images.
    defaults = estimators["defaults"]
    assert sorted(defaults["evaluations"]) == ["20", "60"]
    model = Model()
    model.weights.assign(values(f"{folder}/tf2/model.ckpt-60", "tf2")["weights"])
    model.biases.assign(values(f"{folder}/tf2/model.ckpt-60", "tf2")["biases"])
    digits = load_digits()
    logits = model.forward(digits.test_images[:1000], False).numpy()
    right = logits.argmax(axis=1) == digits.test_labels[:1000].argmax(axis=1)
    assert np.float32(defaults["evaluations"]["60"]["accuracy"]) == np.float32(right.mean())
    assert right.mean() != estimators["train_and_evaluate 60"]["evaluations"]["60"]["accuracy"]


@pytest.mark.slow
@pytest.mark.tf115
def test_an_estimator_evaluates_its_newest_checkpoint_not_what_is_trained(
    estimators: dict[str, Any],
) -> None:
    assert estimators["defaults"]["evaluated in between"] == 20  # it was asked after step 30


@pytest.mark.slow
@pytest.mark.tf115
def test_a_shuffle_with_repeat_has_another_order_in_tensorflow_115(
    estimators: dict[str, Any],
) -> None:
    with tf.Graph().as_default(), tf1.Session() as session:
        tf1.set_random_seed(1)
        dataset = tf.data.Dataset.range(23).shuffle(23, seed=7)
        both = [
            session.run(tf1.data.make_one_shot_iterator(each.batch(23)).get_next()).tolist()
            for each in (dataset, dataset.repeat(2))
        ]
    assert both[0] == both[1] == estimators["shuffled"] != estimators["and repeated"]


@pytest.mark.slow
@pytest.mark.tf115
def test_an_estimators_checkpoint_and_export_work_in_tensorflow_2(
    folder: Path, old: Path, loops: list[Found], estimators: dict[str, Any], tmp_path: Path
) -> None:
    source, target = f"{old}/train_and_evaluate/model.ckpt-60", f"{tmp_path}/tf2/model.ckpt-60"
    convert(source, target, "tf2", (source, f"{folder}/tf2/model.ckpt-60"), tmp_path)
    went_on = tf2_estimator.monitored_session(f"{tmp_path}/tf2", 90)["losses"]
    expected = estimators["train_and_evaluate 90"]["losses"]
    assert relative_l2(np.array(went_on), expected) <= CONVEX.limit
    back = f"{tmp_path}/back/model.ckpt-60"
    convert(target, back, "tf1", (source, target), tmp_path)
    assert all(
        value.tobytes() == values(back)[name].tobytes() for name, value in values(source).items()
    )
    logits = served(estimators["exported"])
    here = served(tf2_estimator.export(f"{folder}/tf2", str(tmp_path / "exported")))
    assert relative_l2(here, logits) <= CONVEX.limit


@pytest.mark.slow
@pytest.mark.tf115
def test_tensorflow_115_prints_what_the_loop_prints(capsys: pytest.CaptureFixture[str]) -> None:
    # Four digits are printed, of numbers 1e-7 apart: here none falls on the border of a digit.
    assert run_tf115("estimator").splitlines() == printed(tf2_estimator, capsys, 3)
