"""Plants each mistake, checks the port, and says whether step, tensor and hint are right."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import shared.tensorflow_loading  # noqa: F401 -- before TensorFlow, whose messages it silences
from shared.tools.check.experiments import Experiments
from shared.tools.check.matching import match, rename
from shared.tools.check.outcome import Outcome, check
from shared.tools.check.planted.programs import MISTAKES, PROGRAMS, Planted
from shared.tools.check.planted.running import STEPS, Program, moved, train_new, train_old
from shared.tools.compare.rounding import Measured
from shared.tools.compare.values import Values
from shared.trace_recorder import Trace, read_trace

RIGHT, NONE, WRONG = "right", "none", "wrong"
_RERUNS = 3


@dataclass(frozen=True)
class Row:
    """A planted mistake and what was found."""

    planted: Planted
    outcome: Outcome
    of_traces: Outcome  # of the two traces alone, with nothing run again

    @property
    def placed(self) -> bool:
        """Whether step, stage and tensor are right."""
        found = self.outcome.difference
        return found is not None and (
            (found.step, found.stage) == (self.planted.step, self.planted.stage)
            and found.tensor in self.planted.tensors
        )

    @property
    def hint(self) -> str:
        """Returns whether the hint is right, wrong, or there is none."""
        return self._judged(self.outcome)

    @property
    def hint_of_traces(self) -> str:
        """Returns the same of the two traces alone."""
        return self._judged(self.of_traces)

    def _judged(self, outcome: Outcome) -> str:
        if not outcome.hints:
            return NONE
        expected = self.planted.hint
        return RIGHT if expected is not None and expected in outcome.hints[0] else WRONG


class Checked:
    """One program: the old side trained once, with its reruns, and ports checked against it."""

    def __init__(self, program: Program, folder: Path) -> None:
        """Trains the old side, and again from moved starts."""
        self.program, self.folder = program, folder
        folder.mkdir(parents=True, exist_ok=True)
        self.old = read_trace(train_old(program, folder / "old.npz", program.start))
        starts = [moved(program.start, seed) for seed in range(1, _RERUNS + 1)]
        self.reruns = [
            read_trace(train_old(program, folder / f"moved{number}.npz", start))
            for number, start in enumerate(starts)
        ]
        self._ports = 0

    def port(
        self,
        mistake: str,
        start: Mapping[str, np.ndarray] | None = None,
        steps: int = STEPS,
    ) -> Trace:
        """Returns the trace of the port with a mistake; "" for none."""
        self._ports += 1
        out = self.folder / f"new{self._ports}.npz"
        start = self.program.start if start is None else start
        return read_trace(train_new(self.program, out, start, mistake, steps))

    def row(self, planted: Planted) -> Row:
        """Returns what the check finds of the port with a mistake."""
        new = self.port(planted.mistake)
        of_traces = check(self.old, new, old_reruns=self.reruns)
        return Row(planted, self.check(planted.mistake, new), of_traces)

    def check(self, mistake: str, new: Trace | None = None) -> Outcome:
        """Returns what the check finds with a port that it can run again; "" for no mistake."""
        new, old = new or self.port(mistake), Values(self.old)
        matching = match(old, Values(new))

        def rerun(start: Mapping[str, np.ndarray]) -> Values:
            values = {n: v.astype(np.float32) for n, v in start.items()}
            return Values(rename(old, Values(self.port(mistake, values, steps=1)), matching))

        tolerance = Measured(old, [Values(r) for r in self.reruns])
        experiments = Experiments(old, Values(rename(old, Values(new), matching)), tolerance, rerun)
        return check(self.old, new, old_reruns=self.reruns, experiments=experiments)


def rows(
    planted: Sequence[Planted] = MISTAKES, tell: Callable[[str], None] = lambda text: None
) -> Iterator[Row]:
    """Yields what the check finds of each mistake; `tell` is told what is being done."""
    with tempfile.TemporaryDirectory(prefix="pairs-planted-") as temporary:
        checked: dict[str, Checked] = {}
        for one in planted:
            if one.program not in checked:
                tell(one.program)
                folder = Path(temporary) / str(len(checked))
                checked[one.program] = Checked(PROGRAMS[one.program], folder)
            yield checked[one.program].row(one)


def main() -> None:
    """Prints the table as Markdown."""
    print("| program | mistake | found at | place | hint | of two traces | what it says |")
    print("|---|---|---|---|---|---|---|")
    found = []
    for row in rows():
        found.append(row)
        place = row.outcome.difference
        at = f"{place.step}, {place.stage} {place.tensor}" if place else row.outcome.verdict
        says = row.outcome.hints[0] if row.outcome.hints else ""
        placed = "right" if row.placed else "WRONG"
        hints = row.hint, row.hint_of_traces
        cells = (row.planted.program, row.planted.mistake, at, placed, *hints, says)
        print(f"| {' | '.join(cells)} |")
    print(f"\n{len(found)} mistakes: {sum(r.placed for r in found)} placed")
    for what, judged in (
        ("hints", [row.hint for row in found]),
        ("hints of two traces alone", [row.hint_of_traces for row in found]),
    ):
        print(f"{what}: { ({word: judged.count(word) for word in (RIGHT, NONE, WRONG)}) }")


if __name__ == "__main__":
    main()
