"""Ports of unprepared programs: each is judged equal, and four mistakes in each are placed.

The old programs run under TensorFlow 1.15, the ports under the TensorFlow of this suite; each in a
fork of a process that has imported it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from recorded_programs import PROGRAMS, run
from shared.tools.check.outcome import ROUNDING, Outcome, check
from shared.tools.commands import main
from shared.tools.record.one_file import source
from shared.trace_recorder import read_trace
from tf115_environment import require_tf115

PORTS = PROGRAMS / "ports"


class Mistake(NamedTuple):
    """Where a mistake must be found first, and a text of the first hint; None where it has none."""

    name: str
    step: int
    stage: str
    hint: str | None


MISTAKES = {
    "softmax": [
        Mistake("learning rate", 1, "variable", "have the ratio 2"),
        Mistake("softmax twice", 1, "logits", "softmax taken twice"),
        Mistake("sum for mean", 1, "loss", "sum in B against mean in A"),
        Mistake("schedule frozen", 3, "variable", "B's stays at 0.5"),
    ],
    "perceptron": [
        Mistake("beta2 0.99", 1, "slot", "decay 0.999 in A and 0.99 in B"),
        Mistake("larger epsilon", 1, "variable", "epsilon is 1e-08 in the old"),
        Mistake("L2 not halved", 1, "loss", "output/weights is twice A's"),
        Mistake("L2 left out", 1, "loss", "B leaves out the L2 term"),
    ],
    "queue": [
        Mistake("momentum 0.8", 2, "slot", "0.9 in A and 0.8 in B"),
        Mistake("learning rate", 1, "variable", "have the ratio 2"),
        Mistake("Nesterov", 1, "variable", "B uses Nesterov's momentum"),
        Mistake("squares halved", 1, "loss", "half of the squares against all"),
    ],
    "gan": [
        Mistake("Keras's beta", 1, "slot", "decay 0.5 in A and 0.9 in B"),
        Mistake("half of the loss", 1, "loss", "0.5 times A's"),
        Mistake("labels exchanged", 1, "loss", "1, 0 in A and 0, 1 in B"),
        Mistake("generator first", 1, "loss", "run in another order"),
    ],
    "rnn": [
        Mistake("forget bias lost", 1, "logits", "B lacks the forget bias"),
        Mistake("Keras's gates", 1, "logits", "the second and the third gate"),
        Mistake("each tensor clipped", 2, "gradient", "B clips each tensor by its own norm"),
        Mistake("clipping left out", 2, "gradient", "A's gradients have the global norm 0.2"),
    ],
    "norm": [
        Mistake("another decay", 1, "variable", "decay 0.9 in A and 0.99 in B"),
        Mistake("another epsilon", 1, "loss", "is 0.001 in A and 1e-05 in B"),
        Mistake("absolute differences", 1, "loss", "B's is the mean of the absolute differences"),
        Mistake("averages not moved", 1, "variable", "never move in B"),
    ],
    "monitored": [
        Mistake("decay 0.99", 1, "slot", "decay 0.9 in A and 0.99 in B"),
        Mistake("learning rate", 1, "slot", "the learning rate, which RMSProp's"),
        Mistake("squares start from 0", 1, "slot", "may start from another value"),
        Mistake("squares not halved", 1, "loss", "half of the squares against all"),
    ],
    "estimator": [
        Mistake("another start", 1, "slot", "may start from another value"),
        Mistake("learning rate", 1, "variable", "have the ratio 2"),
        Mistake("mean for sum", 1, "loss", "A sums the 3 embeddings"),
        Mistake("loss weighted", 1, "loss", "1.5 times A's"),
    ],
}
QUICK = "softmax"


class Recorded:
    """Traces of some programs: old, old from a moved start, and each port's."""

    def __init__(self, names: list[str], folder: Path) -> None:
        """Records them all."""
        self.folder = folder
        self._recorder = folder / "record_tf1.py"
        self._recorder.write_text(source(), encoding="utf-8")
        old = str(require_tf115())
        for name in names:
            trace, program = folder / f"{name}.npz", PORTS / f"{name}_old.py"
            own = ["--start-from", trace, "--batches-from", trace, "--perturb", 1]
            self._record(old, "--keep-batches", trace, program)
            self._record(old, *own, folder / f"{name} moved.npz", program)
            for mistake in ("", *(one.name for one in MISTAKES[name])):
                out = folder / f"{name} new {mistake}.npz"
                self._record(sys.executable, out, PORTS / f"{name}_new.py", mistake)

    def _record(self, python: str, *words: object) -> None:
        done = run(python, self._recorder, "--every", "1", "--steps", "10", *words)
        assert done.returncode == 0, done.stderr[-3000:]

    def check(self, name: str, mistake: str) -> Outcome:
        """Checks a port with a mistake; "" for none."""
        moved = read_trace(self.folder / f"{name} moved.npz")
        new = read_trace(self.folder / f"{name} new {mistake}.npz")
        return check(read_trace(self.folder / f"{name}.npz"), new, old_reruns=[moved])


def hold(recorded: Recorded, name: str) -> None:
    """Holds what is found of a program's port, with each mistake and without."""
    outcome = recorded.check(name, "")
    assert outcome.verdict == ROUNDING and not outcome.settings, outcome
    assert outcome.compared > 40 and outcome.worst_share > 0
    for mistake in MISTAKES[name]:
        outcome = recorded.check(name, mistake.name)
        found = outcome.difference
        assert found is not None, mistake
        assert (found.step, found.stage) == (mistake.step, mistake.stage), (mistake, found)
        if mistake.hint is None:
            assert not outcome.hints, mistake  # none is better than a wrong one
        else:
            assert mistake.hint in outcome.hints[0], (mistake, outcome.hints)


def test_there_are_programs_and_mistakes_enough() -> None:
    assert len(MISTAKES) >= 8
    assert all(len(planted) == 4 for planted in MISTAKES.values())
    hints = [mistake.hint for planted in MISTAKES.values() for mistake in planted]
    assert sum(hint is not None for hint in hints) >= 0.95 * len(hints)
    names = {path.name for path in PORTS.glob("*.py")}
    assert names == {f"{name}_{side}.py" for name in MISTAKES for side in ("old", "new")}


@pytest.mark.slow
@pytest.mark.tf115
def test_a_port_is_equal_and_its_mistakes_are_explained(tmp_path: Path) -> None:
    hold(Recorded([QUICK], tmp_path), QUICK)


@pytest.fixture(scope="module")
def all_recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    return Recorded([name for name in MISTAKES if name != QUICK], tmp_path_factory.mktemp("ports"))


@pytest.mark.slow
@pytest.mark.tf115
@pytest.mark.parametrize("name", [name for name in MISTAKES if name != QUICK])
def test_each_port_is_equal_and_its_mistakes_are_explained(
    name: str, all_recorded: Recorded
) -> None:
    hold(all_recorded, name)
    # The command itself, which has nothing to run again here, agrees with no other flag.
    traces = [str(all_recorded.folder / f"{name}{end}.npz") for end in ("", " new ")]
    assert main(["check", "--old", traces[0], "--new", traces[1]]) == 0


@pytest.mark.slow
@pytest.mark.tf115
def test_the_command_runs_both_programs_with_no_other_flag(
    capsys: pytest.CaptureFixture[str],
) -> None:
    old = ["--old", f"{require_tf115()} norm_old.py", "--old-folder", str(PORTS)]
    new = ["--new", f"{sys.executable} norm_new.py", "--new-folder", str(PORTS)]
    assert main(["check", *old, *new]) == 0
    assert capsys.readouterr().out.startswith("equal: within what rounding explains\n")
