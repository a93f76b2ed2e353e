"""Says what a check found, in lines that fit a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from shared.program.display import shown
from shared.tools.check.outcome import DIFFERS, EQUAL, NOT_COMPARABLE, Outcome
from shared.tools.compare.search import Difference


def lines(outcome: Outcome) -> list[str]:
    """Returns the verdict first, then where, why, and what it rests on."""
    return [*_verdict(outcome), *_matches(outcome), *_basis(outcome)]


def _verdict(outcome: Outcome) -> Iterator[str]:
    but = "; but the optimizers' settings differ" if outcome.settings else ""
    if outcome.condition is not None:
        yield f"{NOT_COMPARABLE}: {shown(outcome.condition.message, None)}"
        yield f"  {outcome.condition.remedy}"
    elif outcome.difference is not None:
        found = outcome.difference
        name = "" if found.tensor == found.stage else f" {shown(found.tensor)}"
        yield f"{DIFFERS}: first at step {found.step}, {found.stage}{name}"
        yield from _where(found)
    elif outcome.verdict == EQUAL:
        yield f"equal: bitwise equal{but}"
    else:
        yield f"equal: within what rounding explains{but}"
        yield (
            f"  the closest to its tolerance took {outcome.worst_share:.0%} of it: "
            f"{shown(outcome.worst_at)}"
        )
    told = [str(s) for s in outcome.settings if str(s) not in outcome.hints]
    yield from (f"  {shown(text, None)}" for text in told)
    yield from (f"hint: {shown(hint, None)}" for hint in outcome.hints)
    yield from (f"note: {shown(note, None)}" for note in outcome.notes)


def _where(found: Difference) -> Iterator[str]:
    what = "its update differs" if found.of_update else "differs"
    yield (
        f"  {what} by {found.distance:.2g} of itself (relative L2); rounding explains "
        f"{found.allowed:.2g}"
    )
    if found.also:
        yield f"  also at this step: {', '.join(map(shown, found.also))}"


def _matches(outcome: Outcome) -> Iterator[str]:
    matching = outcome.matching
    doubtful = [match for match in matching.matches if not match.sure]
    yield f"variables: {len(matching.matches)} matched, {len(doubtful)} of them by order or shape"
    for match in matching.matches:
        if match.a != match.b or not match.sure:
            yield f"  {shown(match.a)} is {shown(match.b)} ({match.reason})"
    for word, names in (("old", matching.only_a), ("new", matching.only_b)):
        if names:
            yield f"  in the {word} program only: {', '.join(map(shown, names))}"


def _basis(outcome: Outcome) -> Iterator[str]:
    first, last = outcome.steps
    yield f"compared: steps {first} to {last}, {outcome.compared:,} tensors"
    yield f"tolerance: {outcome.tolerance}"
