"""What a check found, as data: the verdict, where, and why."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from shared.tools.check.conditions import Condition, unequal_random_numbers, unmet
from shared.tools.check.matching import Matching, match, rename
from shared.tools.check.settings import Setting, differing
from shared.tools.compare.diagnosis import explain
from shared.tools.compare.distances import identical
from shared.tools.compare.rounding import INCONCLUSIVE_ABOVE, Assumed, Measured, Tolerance
from shared.tools.compare.search import Difference, Search, search
from shared.tools.compare.values import ORDER, Readable, Values

EQUAL, ROUNDING, DIFFERS = "equal", "equal within rounding", "differs"
NOT_COMPARABLE = "not comparable"
EXIT_CODES = {EQUAL: 0, ROUNDING: 0, DIFFERS: 1, NOT_COMPARABLE: 3}
SCHEMA_VERSION = 1
# Tries changes of the port's start: takes the difference, yields sentences.
Experiments = Callable[[Difference], Sequence[str]]


@dataclass(frozen=True)
class Outcome:
    """The answer of `pairs check`.

    Attributes:
        verdict: one of `EXIT_CODES`.
        paths: of the old program's trace and of the new one's.
        matching: which variable of the port is which of the old program.
        tolerance: the rule, as a sentence.
        steps: the first and the last common step; (0, 0) if there is none.
        compared: the number of comparisons of two tensors, over all steps.
        condition: the one that does not hold, with the verdict "not comparable".
        difference: the first that rounding does not explain.
        worst_share: the largest distance / tolerance of any tensor within its tolerance.
        worst_at: which tensor and step that was.
        conclusive_until: the last step at which the tolerance of the loss was at most
            `INCONCLUSIVE_ABOVE`: what comes later proves nothing. None where there is none.
        cancelled_gradients: the variables whose gradient is only rounding error.
        notes: what else a reader has to know, as sentences.
        hints: likely causes, as sentences.
        settings: those in which the optimizers differ, though their numbers may not (yet).
    """

    verdict: str
    paths: tuple[str, str]
    matching: Matching
    tolerance: str
    steps: tuple[int, int] = (0, 0)
    compared: int = 0
    condition: Condition | None = None
    difference: Difference | None = None
    worst_share: float = 0.0
    worst_at: str = ""
    conclusive_until: int | None = None
    cancelled_gradients: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    hints: tuple[str, ...] = field(default=())
    settings: tuple[Setting, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 equal, 1 differs, 3 not comparable; 2 is for what fails."""
        return EXIT_CODES[self.verdict]

    def to_json(self) -> dict[str, Any]:
        """Returns plain data: the schema of docs/compare-and-check.md, version 1."""
        data = {
            "schema": "pairs check",
            "schema_version": SCHEMA_VERSION,
            **asdict(self),
            "exit_code": self.exit_code,
        }
        # Keys of version 1 stay.
        data["telling_until"] = data.pop("conclusive_until")
        data["noise"] = data["cancelled_gradients"]
        return _plain(data)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def check(
    old: Readable,
    new: Readable,
    given: dict[str, str] | None = None,
    old_reruns: Sequence[Readable] = (),
    new_reruns: Sequence[Readable] = (),
    experiments: Experiments | None = None,
    last_resort: bool = False,
) -> Outcome:
    """Compares a port's trace with the old program's.

    Args:
        old: the reference.
        new: the port's, under its own names.
        given: matches of variables to keep, by the old name.
        old_reruns: of the old program, from initial values moved in their last bits.
        new_reruns: of the new program; used where the old one has none.
        experiments: tries hypotheses by running the port from an altered start.
        last_resort: run the experiments only if no hint was found without them.

    Raises:
        UsageError: a given match names what is not there.
    """
    a, b = Values(old), Values(new)
    matching = match(a, b, given)
    renamed = Values(rename(a, b, matching))
    reruns = [Values(rerun) for rerun in old_reruns]
    tolerance = tolerance_of(a, renamed, matching, old_reruns, new_reruns)
    steps = sorted(set(a.steps) & set(b.steps))
    span = (steps[0], steps[-1]) if steps else (0, 0)
    paths = (old.path, new.path)
    described = tolerance.describe()
    condition = _nothing_common(steps, matching) or unmet(a, renamed, reruns)
    if condition is not None:
        hints, notes = condition.hints, (*_of_recording("old", old), *_of_recording("new", new))
        return Outcome(
            NOT_COMPARABLE,
            paths,
            matching,
            described,
            span,
            condition=condition,
            hints=hints,
            notes=notes,
        )
    found = search(a, renamed, tolerance)
    apart = unequal_random_numbers(a, renamed) if found.first is not None else None
    if apart is not None:
        notes = (*_of_recording("old", old), *_of_recording("new", new))
        return Outcome(
            NOT_COMPARABLE, paths, matching, described, span, condition=apart, notes=notes
        )
    return _outcome(a, renamed, tolerance, found, paths, matching, span, experiments, last_resort)


def tolerance_of(
    a: Values,
    renamed: Values,
    matching: Matching,
    old_reruns: Sequence[Readable],
    new_reruns: Sequence[Readable],
) -> Tolerance:
    """Returns what rounding explains: measured by reruns of the old program, else of the new one.

    Args:
        a: the reference.
        renamed: the port, under the names of `a`.
        matching: which variable of the port is which of the old program.
        old_reruns: as for `check`.
        new_reruns: as for `check`; assumed where there are none of either.
    """
    if old_reruns:
        return Measured(a, [Values(rerun) for rerun in old_reruns])
    if new_reruns:
        return Measured(renamed, [Values(rename(a, Values(r), matching)) for r in new_reruns])
    return Assumed(a)


def _of_recording(side: str, trace: Readable) -> list[str]:
    """Returns what the recorder has noted of a trace."""
    told = trace.meta.get("flags", {}).get("recorder", {})
    warnings = told.get("warnings", []) if isinstance(told, dict) else []
    return [f"recording the {side} program: {text}" for text in warnings]


def _unseen_logits(a: Values, b: Values) -> list[str]:
    """Says that logits are not compared, where only one recording found them."""
    counts = len(a.names("logits")), len(b.names("logits"))
    if counts[0] and not counts[1]:
        return [
            "the new program's logits were not seen and are not compared: what it differentiates "
            "holds no softmax or sigmoid cross-entropy that its tape or function shows"
        ]
    return []


def _nothing_common(steps: Sequence[int], matching: Matching) -> Condition | None:
    if not steps:
        return Condition("steps", "the two runs have no step in common", "record both from step 1")
    if not matching.matches:
        return Condition("variables", "no variable of one fits one of the other", "--map FILE")
    return None


def _outcome(
    a: Values,
    b: Values,
    tolerance: Tolerance,
    found: Search,
    paths: tuple[str, str],
    matching: Matching,
    span: tuple[int, int],
    experiments: Experiments | None,
    last_resort: bool,
) -> Outcome:
    cancelled = tuple(tolerance.cancelled_gradients())
    settings = differing(a.trace, b.trace)
    notes = list(found.notes)
    notes += [*_of_recording("old", a.trace), *_of_recording("new", b.trace)]
    notes += _unseen_logits(a, b)
    if cancelled:
        notes.append(
            f"the gradients of {', '.join(cancelled)} are what rounding leaves of sums that cancel "
            "(a bias before batch normalization): they prove nothing, though Adam steps by them"
        )
    hints: list[str] = []
    if found.first is not None:
        hints = explain(a.trace, b.trace, found.first, tolerance)
        if experiments is not None and not (hints and last_resort):
            hints = [*experiments(found.first), *hints]
        if not hints and found.first.stage in ("slot", "variable"):
            hints = [str(setting) for setting in settings]
    verdict = DIFFERS if found.first is not None else ROUNDING
    if verdict == ROUNDING and _bitwise(a, b):
        verdict = EQUAL
    return Outcome(
        verdict,
        paths,
        matching,
        tolerance.describe(),
        span,
        found.compared,
        difference=found.first,
        worst_share=found.worst[0],
        worst_at=found.worst[1],
        conclusive_until=found.conclusive_until,
        cancelled_gradients=cancelled,
        notes=tuple(notes + _inconclusive_steps(found, span)),
        hints=tuple(dict.fromkeys(hints)),
        settings=tuple(settings),
    )


def _inconclusive_steps(found: Search, span: tuple[int, int]) -> list[str]:
    """Returns a note on the last steps, if their tolerance would accept nearly any loss."""
    last = found.conclusive_until
    if found.first is not None or last == span[1]:
        return []
    return [
        f"after step {last or 0} the tolerance of the loss is above {INCONCLUSIVE_ABOVE:.0%}: what "
        "comes later proves nothing"
    ]


def _bitwise(a: Values, b: Values) -> bool:
    for step in sorted(set(a.steps) & set(b.steps)):
        for stage in ORDER:
            for name in a.names(stage):
                x, y = a.get(stage, name, step), b.get(stage, name, step)
                if x is not None and y is not None and not identical(x, y):
                    return False
    return True
