"""Find the first difference that rounding does not explain, past all that it does explain."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from shared.tools.compare.distances import relative_l2
from shared.tools.compare.rounding import HYPERPARAMETER, INCONCLUSIVE_ABOVE, Tolerance, distance
from shared.tools.compare.values import ORDER, Values


@dataclass(frozen=True)
class Difference:
    """A tensor that differs by more than rounding explains.

    `stage` is one of a trace. `of_update` says that the variable's update differs and not (yet)
    the variable. `distance` and `allowed` are relative L2. `also` names the tensors of the same
    step and stage that differ too.
    """

    step: int
    stage: str
    tensor: str
    distance: float
    allowed: float
    of_update: bool = False
    also: tuple[str, ...] = ()


@dataclass
class Search:
    """What a search found.

    Attributes:
        first: None where rounding explains everything.
        compared: the number of comparisons of two tensors.
        worst: the largest distance / tolerance of any tensor within its tolerance, and where.
        conclusive_until: the last step at which the tolerance of the loss was at most
            `INCONCLUSIVE_ABOVE`; a later one proves nothing.
        notes: differences that have a known reason, as sentences.
    """

    first: Difference | None = None
    compared: int = 0
    worst: tuple[float, str] = (0.0, "")
    conclusive_until: int | None = None
    notes: list[str] = field(default_factory=list)


class _Walk:
    """One walk over two traces in causal order."""

    def __init__(self, a: Values, b: Values, tolerance: Tolerance) -> None:
        self.a, self.b, self.tolerance = a, b, tolerance
        self.result = Search()
        self.pending: Difference | None = None  # slots that differ, but no update yet
        self.meaning: dict[str, float] = {}  # of slots of a kind: B's are A's times this
        self.explained: dict[str, float] = {}  # how far known factors move a variable apart
        self.told: set[str] = set()

    def walk(self) -> Search:
        steps = sorted(set(self.a.steps) & set(self.b.steps))
        for step in steps:
            found = self.step(step)
            if found is not None:
                self.result.first = self.pending or found
                return self.result
        if self.pending is not None:
            self.result.first = self.pending
        return self.result

    def step(self, step: int) -> Difference | None:
        of_loss = 0.0
        for stage in ORDER:
            beyond = [found for found in self.stage(stage, step) if found is not None]
            if stage == "slot":
                self.note_slots(beyond, step)
                continue
            if stage == "variable":
                beyond = self.updates(beyond, step)
            if beyond:
                also = tuple(d.tensor for d in beyond[1:])
                first = beyond[0]
                return Difference(
                    step, stage, first.tensor, first.distance, first.allowed, first.of_update, also
                )
            if stage == "loss":
                of_loss = self.tolerance.allowed("loss", "loss", step)
        if of_loss <= INCONCLUSIVE_ABOVE:
            self.result.conclusive_until = step
        return None

    def stage(self, stage: str, step: int) -> Iterator[Difference | None]:
        in_b = set(self.b.names(stage))
        for name in self.a.names(stage):
            if name in in_b:
                yield self.judge(stage, name, step)

    def judge(self, stage: str, name: str, step: int) -> Difference | None:
        apart = distance(self.a, self.b, stage, name, step)
        if apart is None:
            return None
        self.result.compared += 1
        allowed = self.tolerance.allowed(stage, name, step)
        if apart <= allowed:
            self.accept(stage, name, step, apart, allowed)
            return None
        return Difference(step, stage, name, apart, allowed)

    def accept(self, stage: str, name: str, step: int, apart: float, allowed: float) -> None:
        self.tolerance.accept(stage, name, step, apart)
        share = apart / allowed if allowed else 0.0
        if share > self.result.worst[0]:
            self.result.worst = share, f"{stage} {name}, step {step}"

    # ---- slots --------------------------------------------------------------------------------

    def note_slots(self, beyond: list[Difference], step: int) -> None:
        """Keeps the first slots that differ in mind: what counts is whether an update follows."""
        left = []
        kinds: dict[str, list[Difference]] = {}
        for found in beyond:
            kinds.setdefault(found.tensor.rsplit("/", 1)[-1], []).append(found)
        for kind, differences in kinds.items():
            differences = [d for d in differences if not self.rounded_rate(kind, d.tensor, step)]
            names = [d.tensor for d in differences]
            if names and not self.other_meaning(kind, names, step):
                left += differences
        if left and self.pending is None:
            first = left[0]
            self.pending = Difference(
                step,
                "slot",
                first.tensor,
                first.distance,
                first.allowed,
                also=tuple(d.tensor for d in left[1:]),
            )

    def factor(self, stage: str, names: list[str], step: int) -> tuple[float, float] | None:
        """Fits B = factor * A; returns the factor and the largest share of a tolerance left."""
        pairs = []
        for name in names:
            in_a, in_b = self.pair(stage, name, step)
            if in_a is None or in_b is None or in_a.shape != in_b.shape:
                return None
            pairs.append((name, in_a.ravel(), in_b.ravel()))
        a = np.concatenate([x for _, x, _ in pairs])
        b = np.concatenate([y for _, _, y in pairs])
        with np.errstate(all="ignore"):
            factor = float(a @ b / (a @ a))
        if not np.isfinite(factor):
            return None
        left = max(
            relative_l2(factor * x, y) / self.tolerance.allowed(stage, name, step)
            for name, x, y in pairs
        )
        return factor, left

    def pair(self, stage: str, name: str, step: int) -> tuple[np.ndarray | None, np.ndarray | None]:
        if stage == "update":
            return self.a.update(name, step), self.b.update(name, step)
        return self.a.get(stage, name, step), self.b.get(stage, name, step)

    def rounded_rate(self, kind: str, name: str, step: int) -> bool:
        """Whether a slot is off by a factor as near to 1 as a hyperparameter's rounding."""
        fit = self.factor("slot", [name], step)
        if fit is None or abs(fit[0] - 1) > HYPERPARAMETER or fit[1] > 1:
            return False
        self.tell(
            f"slots {kind} are {abs(fit[0] - 1):.1e} apart by one factor, as the rounding of a "
            "hyperparameter makes (Keras's Adam takes 1 - 0.999 in Python's precision, TensorFlow "
            "1's in float32)"
        )
        return True

    def other_meaning(self, kind: str, names: list[str], step: int) -> bool:
        """Whether slots hold the same in another unit: Keras's momentum is -rate * TF1's."""
        fit = self.factor("slot", names, step)
        known = self.meaning.get(kind)
        if fit is None or fit[0] >= 0 or fit[1] > 1:
            return False
        if known is not None and abs(fit[0] / known - 1) > 1e-5:
            return False
        self.meaning[kind] = fit[0]
        self.tell(
            f"slots {kind} of B are {fit[0]:.6g} times A's: Keras's momentum slot holds "
            "-learning_rate times TensorFlow 1's accumulator"
        )
        return True

    # ---- updates ------------------------------------------------------------------------------

    def updates(self, beyond: list[Difference], step: int) -> list[Difference]:
        """Adds the variables whose updates differ; takes out those off by a rounded factor."""
        in_b = set(self.b.names("variable"))
        names = [n for n in self.a.names("variable") if n in in_b]
        names = [n for n in names if self.a.is_float("variable", n)]
        judged = [found for name in names if (found := self.judge("update", name, step))]
        trained = [n for n in self.a.trained() if self.is_conclusive(n, step)]
        if any(d.tensor in trained for d in (*judged, *beyond)):
            fit = self.factor("update", trained, step)
            if fit is not None and abs(fit[0] - 1) <= HYPERPARAMETER and fit[1] <= 1:
                self.explain_updates(abs(fit[0] - 1), step)
                judged = [d for d in judged if d.tensor not in trained]
        by_name = {d.tensor: d for d in beyond if not self.is_explained(d, step)}
        for found in judged:
            if found.tensor not in by_name:
                by_name[found.tensor] = Difference(
                    step, "variable", found.tensor, found.distance, found.allowed, of_update=True
                )
        order = self.a.names("variable")
        return sorted(by_name.values(), key=lambda d: order.index(d.tensor))

    def is_conclusive(self, name: str, step: int) -> bool:
        """Whether a step moves a variable in A, and rounding explains a tenth of it at most."""
        update = self.a.update(name, step)
        moves = update is not None and bool(update.any())
        return moves and self.tolerance.allowed("update", name, step) <= INCONCLUSIVE_ABOVE

    def explain_updates(self, share: float, step: int) -> None:
        """Notes that updates are a `share` of themselves apart, and variables by their sum."""
        self.tolerance.widen(share * self.step_size(step))
        for name in self.a.trained():
            update = self.a.update(name, step)
            if update is not None:
                moved = share * float(np.linalg.norm(update))
                self.explained[name] = self.explained.get(name, 0.0) + moved

    def is_explained(self, found: Difference, step: int) -> bool:
        """Whether a variable is apart by no more than its explained updates are."""
        now = self.a.get("variable", found.tensor, step)
        explained = self.explained.get(found.tensor, 0.0)
        if now is None or not explained:
            return False
        # Twice: the factor is a fit over all variables, and a little else in each.
        return found.distance <= found.allowed + 2 * explained / float(np.linalg.norm(now))

    def step_size(self, step: int) -> float:
        """The norm of a step's updates over that of the variables."""
        moved, length = 0.0, 0.0
        for name in self.a.trained():
            update, now = self.a.update(name, step), self.a.get("variable", name, step)
            if update is not None and now is not None:
                moved += float((update**2).sum())
                length += float((now**2).sum())
        return float(np.sqrt(moved / length)) if length else 0.0

    def tell(self, note: str) -> None:
        kind = note.split(":")[0].split(" are ")[0]
        if kind not in self.told:
            self.told.add(kind)
            self.result.notes.append(note)


def search(a: Values, b: Values, tolerance: Tolerance) -> Search:
    """Walks over the common steps until a difference is beyond what rounding explains.

    Batches and initial values are not looked at: they are conditions of the comparison, checked
    before it (`shared.tools.check.conditions`). Tensors are taken where both traces kept them
    whole. Slots are judged by what they do: they are the first difference where they differ and an
    update differs later, or where they differ to the end and no convention explains it.

    Args:
        a: the reference.
        b: the candidate, with the names of `a`.
        tolerance: what rounding explains.

    Returns:
        The first difference beyond it, and how close the others came.
    """
    with np.errstate(all="ignore"):
        return _Walk(a, b, tolerance).walk()
