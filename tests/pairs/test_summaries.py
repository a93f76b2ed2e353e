"""`--log-dir`: both styles write the same numbers for TensorBoard, and train as without it."""

from __future__ import annotations

import functools
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import tensorflow as tf

from event_files import Events, Histogram, differences, read_events
from few_images import few_images
from large_models import large_are_slow
from saved import program_of
from shared.errors import SuiteError
from shared.models import PAIRS, STYLES
from shared.program.log_dir import summary_errors
from shared.program.progress import Progress, TrainingResult
from shared.program.training_run import TrainingRun
from tf115_environment import run_tf115

tf1 = tf.compat.v1
SCALARS = {
    "linear_regression": {"loss", "learning_rate", "line/weight", "line/bias"},
    "relu_regression": {"loss", "accuracy", "learning_rate", "line/weight", "line/bias"},
    "softmax_regression": {"loss", "accuracy", "learning_rate"},
    "cnn": {"loss", "accuracy", "learning_rate"},
    "adversarial": {"loss", "accuracy", "learning_rate"},
    "mlp": {"loss", "accuracy", "learning_rate"},
    "embeddings": {"loss", "accuracy", "learning_rate"},
    "residual_network": {"loss", "accuracy", "learning_rate"},
    "recurrent_network": {"loss", "accuracy", "learning_rate"},
}


@functools.cache
def parameters_of(name: str) -> list[str]:
    """The names of what is trained: `variables` has averages beside it in some models."""
    return list(PAIRS[name].create("tf2_style").parameters)


class Logged(NamedTuple):
    events: dict[str, Events]  # by style
    first: dict[str, TrainingResult]  # steps 1 and 2
    resumed: dict[str, TrainingResult]  # steps 3 and 4


def train(name: str, style: str, folder: Path, steps: int, **settings: Any) -> TrainingResult:
    pair = PAIRS[name]
    optimizer = pair.same_kernel.optimizer if style == "tf2_style" else None
    if optimizer:
        settings["optimizer"] = optimizer
    settings.update(few_images(name, folder))
    module = pair.module(style)
    config = module.Config(
        steps=steps, report_every=2, checkpoint_dir=str(folder / style), **settings
    )
    return module.PROGRAM.train(config, Progress())


@pytest.fixture(scope="module", params=large_are_slow(PAIRS))
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def logged(name: str, tmp_path_factory: pytest.TempPathFactory) -> Logged:
    """Both styles trained for two steps, and in a second run for two more."""
    logged = Logged({}, {}, {})
    folder = tmp_path_factory.mktemp(name)
    for style in STYLES:
        log_dir = folder / "logs" / style
        logged.first[style] = train(name, style, folder, steps=2, log_dir=str(log_dir))
        logged.resumed[style] = train(name, style, folder, steps=4, log_dir=str(log_dir))
        assert len(list(log_dir.iterdir())) == 2  # the second run adds a file
        logged.events[style] = read_events(log_dir)
    return logged


def test_both_styles_write_the_same(name: str, logged: Logged) -> None:
    assert differences(*logged.events.values()) == []
    for style, plugins in (("tf1_style", {""}), ("tf2_style", {"scalars", "histograms"})):
        events = logged.events[style]
        assert {step for step, _ in events.scalars} == {2, 4}  # once an interval, and on it goes
        assert {tag for _, tag in events.scalars} == SCALARS[name]
        parameters = {"parameters/" + name for name in parameters_of(name)}
        assert {tag for _, tag in events.histograms} == parameters
        assert events.plugins == plugins  # the two kinds of summary, which must not be mixed up


@pytest.mark.parametrize("style", STYLES)
def test_what_is_written_is_true(name: str, style: str, logged: Logged) -> None:
    events = logged.events[style]
    rate = PAIRS[name].module(style).Config().learning_rate
    assert events.scalars[4, "learning_rate"] == np.float32(rate)
    # The loss of the batch after its update: below the one from before it, that train returns.
    assert 0 < events.scalars[2, "loss"] < 3 * logged.first[style].losses[-1]
    for parameter in parameters_of(name):
        values = logged.resumed[style].variables[parameter]
        histogram = events.histograms[4, "parameters/" + parameter]
        assert histogram[:3] == (values.min(), values.max(), values.size)
        below = np.searchsorted(np.sort(np.ravel(values)), histogram.edges[:-1])
        assert np.array_equal(histogram.below[:-1], below)
        if np.ndim(values) == 0:
            assert events.scalars[4, "line/" + parameter] == values


@pytest.mark.parametrize("style", STYLES)
def test_each_file_holds_the_graph(name: str, style: str, logged: Logged) -> None:
    for graph in logged.events[style].graphs:
        functions = [node for function in graph.library.function for node in function.node_def]
        operations = {node.op for node in [*graph.node, *functions]}
        assert {"MatMul", "Mul"} & operations  # the forward pass
        assert any(op.startswith(("ResourceApply", "AssignSub")) for op in operations)
    assert len(logged.events[style].graphs) == 2


@pytest.mark.parametrize("style", STYLES)
def test_training_is_bitwise_the_same_without(
    name: str, style: str, logged: Logged, tmp_path: Path
) -> None:
    without = train(name, style, tmp_path, steps=4)
    losses = [run[style].losses for run in (logged.first, logged.resumed)]
    assert without.losses.tobytes() == np.concatenate(losses).tobytes()
    for parameter, value in without.variables.items():
        found = logged.resumed[style].variables[parameter]
        assert np.asarray(found).tobytes() == np.asarray(value).tobytes(), parameter


@pytest.mark.parametrize("style", STYLES)
def test_many_steps_stay_one_call(
    style: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    report = TrainingRun.report

    def counted(self: TrainingRun, losses: Any) -> None:
        calls.append(len(losses))
        report(self, losses)

    monkeypatch.setattr(TrainingRun, "report", counted)
    train("linear_regression", style, tmp_path, steps=5, log_dir=str(tmp_path / "logs"))
    assert calls == [2, 2, 1]


# The comparison, shown what it must find.


def changed_histogram(events: Events, **changes: Any) -> Events:
    key, histogram = next(item for item in events.histograms.items() if item[1].number > 100)
    return events._replace(histograms={**events.histograms, key: histogram._replace(**changes)})


def test_differences_are_found(tmp_path: Path) -> None:
    for style in STYLES:
        log_dir = str(tmp_path / "logs" / style)
        train("softmax_regression", style, tmp_path, steps=2, log_dir=log_dir)
    one, other = (read_events(tmp_path / "logs" / style) for style in STYLES)
    assert differences(one, other) == []
    (loss,) = (value for (_, tag), value in other.scalars.items() if tag == "loss")
    last_bit = {**other.scalars, (2, "loss"): np.nextafter(loss, np.float32(0))}
    (message,) = differences(one, other._replace(scalars=last_bit))
    assert message.startswith("(2, 'loss'): ")
    later = {(step + 1, tag): value for (step, tag), value in other.scalars.items()}
    (message,) = differences(one, other._replace(scalars=later))
    assert message.startswith("tags and steps")
    histogram: Histogram = other.histograms[2, "parameters/weights"]
    (message, *_) = differences(one, changed_histogram(other, largest=1.0))
    assert "smallest, largest, number" in message
    # Buckets that are 10 % apart leave room for up to 97 of these 7,840 weights.
    moved = histogram.below.copy()
    moved[15] += 100
    assert differences(one, changed_histogram(other, below=moved))


# What the comments of the pairs warn of, seen to be so.


def test_a_tag_that_is_taken_gets_a_number_in_tensorflow_1_only(tmp_path: Path) -> None:
    with tf.Graph().as_default(), tf1.Session() as session:
        variable = tf1.get_variable("weight", initializer=1.0)
        tf1.summary.scalar("weight", variable)
        session.run(tf1.global_variables_initializer())
        summary = tf1.Summary.FromString(session.run(tf1.summary.merge_all()))
    assert [value.tag for value in summary.value] == ["weight_1"]
    variable = tf.Variable(1.0, name="weight")
    with tf.summary.create_file_writer(str(tmp_path)).as_default(step=1):
        tf.summary.scalar("weight", variable)
    assert list(read_events(tmp_path).scalars) == [(1, "weight")]


def test_what_a_naive_port_leaves_out(tmp_path: Path) -> None:
    writer = tf.summary.create_file_writer(str(tmp_path / "tf2"))
    assert not tf.summary.scalar("loss", 1.0, step=1)  # no default writer: nothing, in silence
    with writer.as_default(), pytest.raises(ValueError, match="No step set"):
        tf.summary.scalar("loss", 1.0)
    writer.close()
    assert read_events(tmp_path / "tf2").scalars == {}
    with pytest.raises(RuntimeError, match="not compatible with eager execution"):
        tf1.summary.FileWriter(str(tmp_path / "tf1"))
    with tf.Graph().as_default(), tf1.Session() as session:
        summary = session.run(tf1.summary.scalar("loss", 1.0))
        with tf1.summary.FileWriter(str(tmp_path / "tf1")) as file_writer:
            file_writer.add_summary(summary)  # without a step: at step 0
    assert list(read_events(tmp_path / "tf1").scalars) == [(0, "loss")]


@pytest.mark.parametrize("style", STYLES)
def test_what_is_written_is_on_disk_at_once(style: str, tmp_path: Path) -> None:
    model = PAIRS["linear_regression"].create(style, log_dir=str(tmp_path))
    writer = program_of(model).summaries.SummaryWriter(model, str(tmp_path))
    points = np.ones(3, np.float32)
    writer.write(points, points)
    assert (0, "loss") in read_events(tmp_path).scalars  # not closed yet
    writer.close()


def test_two_runs_that_start_at_once_write_two_files(tmp_path: Path) -> None:
    # `FileWriter` names a file after the second and the machine, and empties one that is there.
    for steps in (2, 4, 6):
        train("linear_regression", "tf1_style", tmp_path, steps, log_dir=str(tmp_path / "logs"))
    scalars = read_events(tmp_path / "logs").scalars
    assert [step for step, tag in scalars if tag == "loss"] == [2, 4, 6]


@pytest.mark.parametrize("style", STYLES)
def test_a_nan_is_named_where_tensorflow_1_refuses_it(style: str, tmp_path: Path) -> None:
    points = np.ones(3, np.float32)
    model = PAIRS["linear_regression"].create(style, learning_rate=1e38)
    writer = program_of(model).summaries.SummaryWriter(model, str(tmp_path))
    for _ in range(3):
        model.train_step(points, points)
    refused = pytest.raises(SuiteError, match=r"^--log-dir: parameters/.*: expected finite")
    with refused if style == "tf1_style" else nullcontext(), summary_errors(model):
        writer.write(points, points)
    writer.close()
    if style == "tf2_style":
        assert np.isnan(read_events(tmp_path).scalars[3, "line/weight"])


# What can be missing.


def test_without_tensorboard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard.summary.v2", None)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    for style, code in (("tf1_style", 0), ("tf2_style", 2)):
        folders = [f"--checkpoint-dir={tmp_path / style}", f"--log-dir={tmp_path / style}-logs"]
        main = PAIRS["linear_regression"].module(style).PROGRAM.main
        assert main(["train", "--steps", "1", *folders]) == code
    assert capsys.readouterr().err == (
        "error: --log-dir: expected the package tensorboard, which tf.summary of TensorFlow 2 "
        "needs (pip install tensorboard); found: import of tensorboard.summary.v2 halted; "
        "None in sys.modules\n"
    )
    assert sorted(file.name for file in tmp_path.iterdir()) == ["tf1_style", "tf1_style-logs"]


@pytest.mark.parametrize("style", STYLES)
def test_a_log_dir_that_cannot_be_written_is_refused_before_training(
    style: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    folders = [f"--checkpoint-dir={tmp_path / 'new'}", f"--log-dir={file}"]
    main = PAIRS["linear_regression"].module(style).PROGRAM.main
    assert main(["train", *folders]) == 2
    assert capsys.readouterr().err == (
        f"error: --log-dir {file}: expected a folder to write in, found a file: {file}\n"
    )
    assert file.read_text() == "mine" and not (tmp_path / "new").exists()


@pytest.mark.tf115
def test_real_tensorflow_115_writes_the_same(tmp_path: Path) -> None:
    train("relu_regression", "tf2_style", tmp_path, steps=4, log_dir=str(tmp_path / "2.21"))
    arguments = ["train", "--steps=4", "--report-every=2", f"--log-dir={tmp_path / '1.15'}"]
    run_tf115("relu_regression", *arguments, f"--checkpoint-dir={tmp_path / 'checkpoints'}")
    real, installed = read_events(tmp_path / "1.15"), read_events(tmp_path / "2.21")
    assert real.scalars.keys() == installed.scalars.keys()
    assert real.histograms.keys() == installed.histograms.keys()
    for key, value in real.scalars.items():
        # As in test_tf115: other kernels, other order of additions.
        assert value == pytest.approx(installed.scalars[key], rel=2e-5), key
