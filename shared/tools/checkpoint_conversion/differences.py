"""Two checkpoints, name-based or object-based, compared tensor by tensor."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from shared.tools.checkpoint_conversion.contents import Contents, Variable, natural_order
from shared.tools.checkpoint_conversion.files import digest
from shared.tools.checkpoint_conversion.plan import Plan

EQUAL = "bitwise equal"
DIFFERENT = "different"
OTHER_TYPE = "of another type"
ONLY_A = "only in A"
ONLY_B = "only in B"
NOT_COMPARED = "not compared"  # the map ignores it, or the other style has no such thing


@dataclasses.dataclass(frozen=True)
class Difference:
    """What was found of one tensor.

    Attributes:
        name: in B, or in A where B does not have it.
        verdict: one of the constants above.
        relative: ||a - b|| / ||b|| in the Euclidean norm, computed in float64; None where it means
            nothing: another type, text, or NaN and infinities that are not in the same places.
        largest: the largest |a - b|, None likewise.
        detail: what else there is to say.
    """

    name: str
    verdict: str
    relative: float | None = None
    largest: float | None = None
    detail: str = ""


def by_name(a: Contents, b: Contents) -> Iterator[Difference]:
    """Yields what becomes of every tensor of either checkpoint, paired by name, in B's order.

    Raises:
        CheckpointError: a file is damaged, or holds no values.
    """
    for name in sorted({*a.variables, *b.variables}, key=natural_order):
        if name not in b.variables:
            yield Difference(name, ONLY_A, detail=a.variables[name].type())
        elif name not in a.variables:
            yield Difference(name, ONLY_B, detail=b.variables[name].type())
        else:
            yield _compared(b.variables[name], a.variables[name].type(), _reader(a, name), b)


def through_plan(plan: Plan, b: Contents) -> Iterator[Difference]:
    """Yields what becomes of every tensor where A is carried to B's side by a plan first.

    Args:
        plan: of A as the source, with B as the template.
        b: the other checkpoint.

    Raises:
        CheckpointError: a file is damaged, or holds no values.
    """
    for write in plan.writes:
        if write.sources:
            type_ = write.target.type()
            yield _compared(write.target, type_, write.value, b, write.how)
        else:
            yield Difference(write.target.name, NOT_COMPARED, detail=f"in B: {write.how}")
    for name, reason in plan.left_out.items():
        yield Difference(name, NOT_COMPARED, detail=f"in A: {reason}")


def _reader(contents: Contents, name: str) -> Callable[[], Any]:
    return lambda: contents.read(name)


def _compared(
    variable: Variable, type_in_a: str, read: Callable[[], Any], b: Contents, how: str = ""
) -> Difference:
    if type_in_a != variable.type():
        detail = f"{type_in_a} in A, {variable.type()} in B"
        return Difference(variable.name, OTHER_TYPE, detail=detail)
    one, other = read(), b.read(variable.name)
    detail = "" if how == "copied" else how
    if digest(one) == digest(other):
        return Difference(variable.name, EQUAL, 0.0, 0.0, detail)
    relative, largest = distances(one, other)
    return Difference(variable.name, DIFFERENT, relative, largest, detail)


_BLOCK = 2**22  # elements that are compared at a time, so that no float64 copy of all is made


def distances(a: Any, b: Any) -> tuple[float | None, float | None]:
    """Returns the relative distance and the largest difference of two tensors of one type.

    NaN and infinities count as equal to themselves. Both are None for text and the like, and where
    such a value stands opposite another one.
    """
    a, b = np.asarray(a).reshape(-1), np.asarray(b).reshape(-1)
    if a.dtype.kind in "OSUV" and a.dtype.name != "bfloat16":
        return None, None
    squares, norm, largest = 0.0, 0.0, 0.0
    for start in range(0, a.size, _BLOCK):
        one, other = (_wide(x[start : start + _BLOCK]) for x in (a, b))
        finite = np.isfinite(one) & np.isfinite(other)
        same = (one == other) | (np.isnan(one) & np.isnan(other))
        if not (finite | same).all():
            return None, None
        difference = np.abs(np.where(finite, one, 0) - np.where(finite, other, 0))
        squares += float((difference**2).sum())
        norm += float((np.abs(other[finite]) ** 2).sum())
        largest = max(largest, float(difference.max()))
    if norm == 0:
        return (0.0 if squares == 0 else float("inf")), largest
    return (squares / norm) ** 0.5, largest


def _wide(values: np.ndarray) -> np.ndarray:
    return values.astype(np.complex128 if values.dtype.kind == "c" else np.float64)


def are_equal(differences: list[Difference]) -> bool:
    """Returns whether all that can be compared is bitwise equal."""
    return all(found.verdict in (EQUAL, NOT_COMPARED) for found in differences)


def counts(differences: list[Difference]) -> Mapping[str, int]:
    """Returns how many tensors have each verdict."""
    verdicts = (EQUAL, DIFFERENT, OTHER_TYPE, ONLY_A, ONLY_B, NOT_COMPARED)
    return {verdict: sum(found.verdict == verdict for found in differences) for verdict in verdicts}
