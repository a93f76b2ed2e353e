"""The program around a model, shown with a model of NumPy alone: named batches, two losses."""

from __future__ import annotations

import dataclasses
import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from shared.program import Program, Settings, setting
from shared.program import training_run as training_run_module
from shared.program.batches import Batch, call
from shared.program.saved_settings import FILE, keep_settings
from shared.program.tasks import Task
from shared.trace_recorder import read_trace


@dataclasses.dataclass(frozen=True)
class Config(Settings):
    steps: int = setting(12, "train until this step")
    learning_rate: float = setting(0.25, "step size")
    checkpoint_dir: str = setting("unused")


class Opponents:
    """Two numbers with a loss each, as an adversarial pair has; batches come by name."""

    def __init__(self, config: Any) -> None:
        self.config, self.at_step = config, 0
        self.left, self.right = np.float32(1), np.float32(2)

    def train_step(self, noise: Any, real: Any) -> Any:
        gradients = self.gradients(noise=noise, real=real)
        rate = np.float32(self.config.learning_rate)
        losses = {"left": (self.left - noise.mean()) ** 2, "right": (self.right - real.mean()) ** 2}
        self.left = self.left - rate * gradients["left"]
        self.right = self.right - rate * gradients["right"]
        self.at_step += 1
        return losses

    def train_steps(self, noise: Any, real: Any) -> Any:
        made = [self.train_step(*batch) for batch in zip(noise, real, strict=True)]
        return {name: np.array([losses[name] for losses in made]) for name in made[0]}

    def gradients(self, noise: Any, real: Any) -> Any:
        return {"left": 2 * (self.left - noise.mean()), "right": 2 * (self.right - real.mean())}

    def predict(self, noise: Any) -> Any:
        return noise * self.left

    def variables(self) -> Any:
        return {"left": self.left, "right": self.right}

    def slots(self) -> Any:
        return {}

    def step(self) -> int:
        return self.at_step


class NamedBatches(Task):
    def load(self, config: Any) -> Any:
        return np.random.RandomState(config.seed).random_sample([2, 64, 4]).astype(np.float32)

    def batches(self, data: Any, config: Any, steps: range) -> Batch:
        rows = np.array(steps) % 64
        return {"noise": data[0][rows], "real": data[1][rows]}

    def metrics(self, model: Any, data: Any) -> Mapping[str, float]:
        return {"distance": float(abs(model.left - model.right))}


def save(model: Opponents, folder: str) -> str:
    path = os.path.join(folder, "state.npy")
    np.save(path, np.array([model.at_step, model.left, model.right], np.float32))
    return path


def restore_newest(model: Opponents, folder: str, warn: Callable[[str], None]) -> str | None:
    path = os.path.join(folder, "state.npy")
    if not os.path.exists(path):
        return None
    step, model.left, model.right = np.load(path)
    model.at_step = int(step)
    return path


def train(model: Any, run: Any) -> None:
    for batch in run.batches():
        run.report(model.train_steps(**batch))


STORE = SimpleNamespace(__name__="tf2_style.checkpoints", save=save, restore_newest=restore_newest)
PROGRAM = Program(None, Config, Opponents, train, NamedBatches(), STORE, None)


def command(folder: Path, *flags: str, program: Program = PROGRAM) -> int:
    return program.main(["train", "--checkpoint-dir", str(folder), *flags])


def test_two_losses_and_named_batches(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(tmp_path, "--report-every", "4") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "loss: mean over a batch; at the end: mean over the test set"
    reports = [line.split() for line in lines if line.startswith("step ")]
    assert [words[1] for words in reports] == ["4", "8", "12"]
    for words in reports:  # printed to 6 digits
        total, left, right = (float(words[words.index(n) + 1]) for n in ("loss", "left", "right"))
        assert total == pytest.approx(left + right, abs=2e-6)
    assert all(" left " in " ".join(words) for words in reports)


def test_resumed_equals_uninterrupted_and_its_trace_goes_on(tmp_path: Path) -> None:
    whole = PROGRAM.train(Config(checkpoint_dir=str(tmp_path / "whole")))
    halves = str(tmp_path / "halves")
    PROGRAM.train(Config(steps=5, checkpoint_dir=halves))
    path = tmp_path / "resumed.npz"
    resumed = PROGRAM.train(Config(checkpoint_dir=halves, trace=str(path)))
    assert whole.losses[5:].tobytes() == resumed.losses.tobytes()
    assert {n: v.tobytes() for n, v in whole.variables.items()} == {
        name: value.tobytes() for name, value in resumed.variables.items()
    }
    with read_trace(path) as trace:
        assert list(trace.steps) == list(range(6, 13))


@pytest.mark.parametrize("report_every", ["1", "7", "1000000"])
def test_reports_do_not_decide_how_many_steps_a_call_makes(
    report_every: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training_run_module, "CALL_BYTES", 3 * 32)  # a step has 2 x 4 float32
    calls = []
    train_steps = Opponents.train_steps

    def counted(self: Any, **batch: Any) -> Any:
        calls.append(len(batch["noise"]))
        return train_steps(self, **batch)

    monkeypatch.setattr(Opponents, "train_steps", counted)
    assert command(tmp_path, "--report-every", report_every) == 0
    assert sum(calls) == 12
    assert max(calls) <= 3


def test_a_model_that_feeds_itself(tmp_path: Path) -> None:
    seen: list[range] = []

    def feed_itself(model: Any, run: Any) -> None:
        data = NamedBatches().load(model.config)
        for steps in run.parts():
            seen.append(steps)
            batch = NamedBatches().batches(data, model.config, steps)
            run.report(call(model.train_steps, batch))

    own = PROGRAM._replace(train_with=feed_itself)
    found = own.train(Config(report_every=5, checkpoint_dir=str(tmp_path / "own")))
    fed = PROGRAM.train(Config(report_every=5, checkpoint_dir=str(tmp_path / "fed")))
    assert found.losses.tobytes() == fed.losses.tobytes()
    assert seen == [range(0, 5), range(5, 10), range(10, 12)]


def test_other_settings_are_named_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command(tmp_path, "--steps", "4")
    capsys.readouterr()
    command(tmp_path, "--steps", "8", "--report-every", "2", "--checkpoint-every", "3")
    assert "warning" not in capsys.readouterr().out  # these change no number
    command(tmp_path, "--steps", "9", "--seed", "5", "--learning-rate", "0.5")
    (line,) = (line for line in capsys.readouterr().out.splitlines() if "warning" in line)
    assert line == (
        "warning: resumed with --seed 5 (0 until now), --learning-rate 0.5 (0.25 until now): "
        "other numbers from here on"
    )
    command(tmp_path, "--steps", "10", "--seed", "5", "--learning-rate", "0.5")
    assert "warning" not in capsys.readouterr().out  # the newest checkpoint was trained with these


@pytest.mark.parametrize("content", ["", "[1]", "[" * 100_000, "\0"])
def test_damaged_settings_cost_the_warning_only(
    content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command(tmp_path, "--steps", "4")
    (tmp_path / FILE).write_text(content)
    capsys.readouterr()
    assert command(tmp_path, "--steps", "8", "--seed", "5") == 0
    assert "warning" not in capsys.readouterr().out


class Killed(BaseException):
    """Stands for a signal: nothing that handles errors sees it."""


@pytest.mark.parametrize("call", ["open", "fdopen", "fsync"])
def test_settings_that_were_being_written_leave_no_file_of_another_name(
    call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill(*arguments: Any, **options: Any) -> None:
        raise Killed

    keep_settings(Config(checkpoint_dir=str(tmp_path)))
    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(os, call, kill)
        keep_settings(Config(checkpoint_dir=str(tmp_path), seed=5))
    assert {file.name for file in tmp_path.iterdir()} <= {FILE}


def test_nothing_to_train_claims_no_save(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command(tmp_path, "--steps", "4")
    assert "checkpoint saved" in capsys.readouterr().out
    assert command(tmp_path, "--steps", "3", "--seed", "5") == 0
    output = capsys.readouterr().out
    assert output.startswith(f"resumed at step 4 from {tmp_path}")
    assert "step 3 is reached already" in output
    assert "checkpoint saved" not in output
    assert "warning" not in output  # nothing is trained with the other seed


def test_a_stopped_run_keeps_its_trace_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped_in_the_first_call(model: Any, run: Any) -> None:
        for batch in run.batches():
            run.report(model.train_steps(**batch))
            os.kill(os.getpid(), signal.SIGINT)

    program = PROGRAM._replace(train_with=stopped_in_the_first_call)
    path = tmp_path / "stopped.npz"
    flags = ["--report-every", "3", "--trace", str(path)]
    assert command(tmp_path / "saved", *flags, program=program) == 130
    *_, stopped, advice, kept, hint = capsys.readouterr().out.splitlines()
    assert stopped == f"stopped at step 3, saved to {tmp_path}/saved/state.npy"
    assert advice == "the same command goes on from there"
    assert kept == f"trace of the steps until then: {path}"
    assert hint == "name another --trace to go on: the same one would be replaced"
    with read_trace(path) as trace:
        assert list(trace.steps) == [1, 2, 3]
