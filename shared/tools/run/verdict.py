"""Whether two training runs of one model agree, and where they first differ."""

from __future__ import annotations

import dataclasses

import numpy as np

from shared.program.progress import TrainingResult
from shared.tools.compare.distances import identical, relative_l2, symmetric_distance

# A network's runs from starts that differ in the last bit part in the end, however good both are;
# then single losses tell nothing any more, and only the accuracies can be compared.
BOUNDED_STEPS = 1000


@dataclasses.dataclass(frozen=True)
class Verdict:
    """Two runs of one model compared, a candidate with its reference."""

    bitwise: bool  # every loss and every final variable has the same bits
    first_difference: dict | None  # {"step": int, "tensor": str}; steps are counted from 1
    max_relative_difference: float  # of any step's loss, |a - b| / max(|a|, |b|)
    curve_difference: float  # ||a - b|| / ||a|| of the losses, at most the first BOUNDED_STEPS
    bound: float  # what curve_difference may be; 0 asks for the same bits

    @property
    def within_bound(self) -> bool:
        """Whether the runs agree as closely as they must."""
        return self.bitwise or (self.bound > 0 and self.curve_difference <= self.bound)

    def text(self) -> str:
        """Returns the verdict in a few words."""
        if self.bitwise:
            return "bitwise equal"
        assert self.first_difference is not None
        difference = f"{self.curve_difference:.0e} from step {self.first_difference['step']}"
        return difference if self.within_bound else f"{difference}, bound {self.bound:.0e}"


def compare_runs(reference: TrainingResult, candidate: TrainingResult, bound: float) -> Verdict:
    """Compares every step's loss and the final variables; both runs must start at step 0.

    Raises:
        ValueError: the runs have different lengths or different variables.
    """
    if len(reference.losses) != len(candidate.losses):
        raise ValueError(f"{len(reference.losses)} against {len(candidate.losses)} steps")
    if list(reference.variables) != list(candidate.variables):
        raise ValueError(f"{list(reference.variables)} against {list(candidate.variables)}")
    first = _first_difference(reference, candidate)
    largest = symmetric_distance(reference.losses, candidate.losses).max(initial=0.0)
    curve = relative_l2(reference.losses[:BOUNDED_STEPS], candidate.losses[:BOUNDED_STEPS])
    return Verdict(first is None, first, float(largest), curve, bound)


def _first_difference(reference: TrainingResult, candidate: TrainingResult) -> dict | None:
    a, b = np.asarray(reference.losses), np.asarray(candidate.losses)
    differing = [not identical(x, y) for x, y in zip(a, b, strict=True)]
    if any(differing):
        return {"step": differing.index(True) + 1, "tensor": "loss"}
    for name, value in reference.variables.items():
        if not identical(np.asarray(value), np.asarray(candidate.variables[name])):
            return {"step": reference.steps, "tensor": name}
    return None
