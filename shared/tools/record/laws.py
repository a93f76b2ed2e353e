"""Checks a trace against itself: does what an optimizer kept follow from the gradient recorded?

The laws are those of the optimizers' own documentation: a slot becomes a * slot + b * g**power. A
variable without slots moves along the gradient, by whatever rate.
"""

from typing import Any

import numpy as np

# Allowed error, relative to what the gradient adds to the slot. Rounding 0.999 to float32 makes
# 1.3e-5 of that, and storing the slot one rounding more; a clipped or averaged gradient is wrong by
# far more.
_ALLOWED = 1e-3


def laws(settings: dict[str, Any]) -> list[Any]:
    """Returns (a, b, power) for the slots of an optimizer, [] where its law is not known.

    b is None where it has the learning rate in it, which may change from step to step.
    """
    kinds = " ".join(settings.get("kinds", [settings.get("class", "")]))

    def number(*names: str) -> Any:
        found = [settings[n] for n in names if isinstance(settings.get(n), (int, float))]
        return float(found[0]) if found else None

    known: list[Any] = []
    if "Adam" in kinds:
        one, two = number("beta1", "beta_1"), number("beta2", "beta_2")
        known += [(b, 1 - b, power) for b, power in ((one, 1), (two, 2)) if b is not None]
    elif "RMS" in kinds:
        decay = number("decay", "rho")
        known += [(decay, 1 - decay, 2)] if decay is not None else []
    elif "Adagrad" in kinds and "AdagradDA" not in kinds:
        known += [(1.0, 1.0, 2)]
    elif "Momentum" in kinds or "SGD" in kinds:
        momentum = number("momentum")
        if momentum is not None:
            known += [(momentum, 1.0, 1), (momentum, None, 1)]
    return known


def follows(
    known: list[Any],
    gradient: np.ndarray,
    before: dict[str, np.ndarray],
    after: dict[str, np.ndarray],
) -> bool | None:
    """Returns whether a slot follows from the gradient by one of the laws; None if none applies.

    Args:
        known: (a, b, power) of the optimizers that ran, as `laws` gives them.
        gradient: as recorded, of the variable's shape.
        before: the variable's slots, each of its shape, before the step.
        after: the same after the step.
    """
    moved = gradient != 0  # a sparse update leaves the other rows alone
    if not known or not moved.any():
        return None
    g = gradient[moved].astype(np.float64)
    seen = False
    for name, value in after.items():
        if name not in before or value.shape != gradient.shape:
            continue
        seen = True
        old, new = before[name][moved].astype(np.float64), value[moved].astype(np.float64)
        for a, b, power in known:
            if b is None:
                b = float(np.sum((new - a * old) * g) / np.sum(g * g))
            rounding = 4 * np.finfo(np.float32).eps * np.linalg.norm(new)
            added = b * g**power
            if np.linalg.norm(new - a * old - added) <= _ALLOWED * np.linalg.norm(added) + rounding:
                return True
    return False if seen else None


def moves_along(gradient: np.ndarray, before: np.ndarray, after: np.ndarray) -> bool | None:
    """Returns whether a variable moved against its gradient by some rate; None if it did not move.

    Args:
        gradient: as recorded.
        before: the variable before the step, of the gradient's shape.
        after: the variable after it.
    """
    # A constant infinity, as of a mask, does not move; infinity minus infinity would be NaN.
    finite = np.isfinite(before) & np.isfinite(after)
    step, g = after[finite].astype(np.float64) - before[finite], gradient[finite].astype(np.float64)
    size = float(np.sum(g * g))
    if not size or not step.any():
        return None
    rounding = np.finfo(np.float32).eps * np.linalg.norm(after[finite])
    along = float(np.sum(step * g)) / size
    off = np.linalg.norm(step - along * g)
    return bool(along < 0 and off <= _ALLOWED * np.linalg.norm(step) + rounding)


class SelfCheck:
    """Checks the first steps of one run.

    Attributes:
        checked: the variables whose update has a known law.
        unexplained: those of them whose slots, or whose value, did not follow from the gradient.
    """

    STEPS = 3  # the first ones: a wrong gradient is wrong in each

    def __init__(self) -> None:
        """Begins with nothing checked."""
        self.checked: list[str] = []
        self.unexplained: list[str] = []
        self._before: dict[str, Any] = {}

    def begin(self, variables: dict[str, Any], slots: dict[str, Any]) -> None:
        """Takes the state before the first step."""
        self._before = {n: np.array(v) for d in (variables, slots) for n, v in d.items()}

    def check_step(
        self,
        settings: list[dict[str, Any]],
        gradients: dict[str, Any],
        variables: dict[str, Any],
        slots: dict[str, Any],
    ) -> None:
        """Checks one step and adds to `checked` and `unexplained`."""
        known = [law for one in settings for law in laws(one)]
        all_known = bool(settings) and all(laws(s) or is_plain_descent(s) for s in settings)
        for name, gradient in gradients.items():
            gradient = np.asarray(gradient)
            before, after = self._before.get(name), variables.get(name)
            if before is None or after is None or np.shape(after) != gradient.shape:
                continue
            own = {n: np.asarray(v) for n, v in slots.items() if is_slot_of(n, name)}
            if own:
                found = follows(known, gradient, self._before, own) if all_known else None
            else:
                plain = bool(settings) and all(is_plain_descent(s) for s in settings)
                found = moves_along(gradient, before, np.asarray(after)) if plain else None
            if found is not None and name not in self.checked:
                self.checked.append(name)
            if found is False and name not in self.unexplained:
                self.unexplained.append(name)
        self._before.update((n, np.array(v)) for d in (variables, slots) for n, v in d.items())


def is_slot_of(slot: str, variable: str) -> bool:
    """Returns whether an optimizer keeps this for a variable: an average of it is no such slot."""
    owner, _, kind = slot.rpartition("/")
    return owner == variable and not kind.startswith("ExponentialMovingAverage")


def is_plain_descent(settings: dict[str, Any]) -> bool:
    """Returns whether an optimizer subtracts rate times gradient, and nothing else."""
    kinds = settings.get("kinds", [settings.get("class", "")])
    plain = "GradientDescentOptimizer" in kinds or "SGD" in kinds
    decay = settings.get("weight_decay")
    return plain and not settings.get("momentum") and decay in (None, "None")
