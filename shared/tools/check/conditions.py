"""What must be the same before a model can be blamed: the start, the batches, random numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shared.tools.compare.diagnosis import suspects
from shared.tools.compare.distances import relative_l2
from shared.tools.compare.evidence import Evidence
from shared.tools.compare.rounding import distance
from shared.tools.compare.values import Values

# Initial values of one formula may round otherwise in two versions of NumPy or TensorFlow.
_SAME_START = 8.0  # roundings
# Relative L2. Rounding moves the first logits by 1e-7 to 1e-5; other random numbers by tenths.
_NOISY = 1e-3
_SHOWN = 3


@dataclass(frozen=True)
class Condition:
    """A condition that does not hold.

    Attributes:
        kind: "start", "batches", "noise", "steps" or "variables".
        message: what differs, or is missing.
        remedy: the flag that makes it the same, or what to do.
        hints: likely causes.
    """

    kind: str
    message: str
    remedy: str
    hints: tuple[str, ...] = ()


def unmet(a: Values, b: Values, reruns: Sequence[Values] = ()) -> Condition | None:
    """Returns the first condition that does not hold between two traces, None where all do.

    Args:
        a: the reference.
        b: the candidate, with the names of `a`.
        reruns: of the reference, from initial values moved in their last bits.
    """
    return _start(a, b) or _batches(a, b) or _noise(a, reruns)


def unequal_random_numbers(a: Values, b: Values) -> Condition | None:
    """Returns the condition that random operations of the steps draw the same, where they do not.

    It says nothing of two runs that are equal all the same.

    Args:
        a: the reference, recorded from a program.
        b: the candidate.
    """
    told = [side.trace.meta.get("flags", {}).get("recorder", {}) for side in (a, b)]
    seeds = [one.get("options", {}).get("noise") for one in told]
    if not told[0].get("random_operations") or (seeds[0] is not None and seeds[0] == seeds[1]):
        return None
    return Condition(
        "noise",
        "the old program draws random numbers in its steps, and nothing makes the new one draw the "
        "same",
        "--noise-from old makes both draw the same numbers",
    )


def _start(a: Values, b: Values) -> Condition | None:
    first = a.first_step()
    differing = []
    for name in a.names("variable"):
        if name not in b.names("variable") or not a.is_float("variable", name):
            continue
        values = a.before("variable", name, first), b.before("variable", name, first)
        if values[0] is None or values[1] is None:
            continue
        limit = _SAME_START * a.epsilon("variable", name)
        if relative_l2(values[0], values[1]) > limit:
            differing.append(name)
    if not differing:
        return None
    hints: list[str] = []
    known = set(a.names("initial")) & set(b.names("initial"))
    for name in differing[:_SHOWN]:
        if f"variable/{name}" in known:
            where = f"variable/{name}"
            with np.errstate(all="ignore"):
                hints += suspects(Evidence(a.trace, b.trace, "initial", where, first - 1))
    return Condition(
        "start",
        f"the initial values differ: {_some(differing)}",
        "--start-from old gives the new program the old one's",
        tuple(hints),
    )


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _batches(a: Values, b: Values) -> Condition | None:
    for step in sorted(set(a.steps) & set(b.steps)):
        for name in a.names("batch"):
            if name not in b.names("batch"):
                continue
            digests = [_digest(side, name, step) for side in (a, b)]
            if None not in digests and digests[0] != digests[1] and not _close(a, b, name, step):
                with np.errstate(all="ignore"):
                    hints = suspects(Evidence(a.trace, b.trace, "batch", name, step))
                return Condition(
                    "batches",
                    f"the batches differ: {name}, from step {step}",
                    "--batches-from old gives the new program the old one's",
                    tuple(hints),
                )
    return None


def _digest(side: Values, name: str, step: int) -> bytes | None:
    records = side.trace.records("batch", name)
    found = records[records["step"] == step]
    return found[0]["digest"].tobytes() if found.size else None


def _close(a: Values, b: Values, name: str, step: int) -> bool:
    """Whether batches hold equal numbers in another dtype or shape, as int32 and int64 labels."""
    x, y = a.get("batch", name, step), b.get("batch", name, step)
    return x is not None and y is not None and x.size == y.size and (x.ravel() == y.ravel()).all()


def _noise(a: Values, reruns: Sequence[Values]) -> Condition | None:
    first = a.first_step()
    for rerun in reruns:
        for stage in ("logits", "loss"):
            for name in a.names(stage):
                apart = distance(a, rerun, stage, name, first)
                if apart is not None and apart > _NOISY:
                    return Condition(
                        "noise",
                        f"two runs of one program differ by {apart:.1g} in the {stage} of step "
                        f"{first}, from starts that agree to the last bit but one: it draws "
                        "random numbers",
                        "--noise-from old makes both draw the same numbers",
                    )
    return None
