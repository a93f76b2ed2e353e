"""Causes of slots and updates that differ though all gradients agree.

The law behind them is Adam's at step t, with TensorFlow 1's meaning of epsilon:

    m = b1 m + (1 - b1) g        v = b2 v + (1 - b2) g^2
    w -= lr sqrt(1 - b2^t) / (1 - b1^t) m / (sqrt(v) + epsilon)

(Kingma and Ba, arXiv:1412.6980, the form given before section 2.1). RMSProp, Adagrad, momentum
and gradient descent are parts of it. A law is named where it gives B's update, or slot, of every
trained variable up to rounding; variables that no gradient trains have no say.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from shared.tools.compare.clipping import clipped, rates, sparse_rows
from shared.tools.compare.evidence import (
    SAME_FACTOR,
    Evidence,
    Fit,
    Pair,
    common_factor,
    common_law,
    fit,
    least_squares,
)
from shared.tools.compare.rounding import HYPERPARAMETER

Updates = dict[str, tuple[Pair, float]]  # by variable: flat updates, norm of their rounding
_DEFAULT_DECAYS = (0.9, 0.999)  # Adam's, in TensorFlow 1 and in Keras
# By how much more of a squared gradient Keras's Adam takes than TensorFlow 1's kernel: 1.29e-5.
KERAS_EXCESS = 1e-3 / float(np.float32(1) - np.float32(0.999)) - 1


class Told(NamedTuple):
    """What a law of updates leaves unexplained, and its hint."""

    left: float
    hint: str


# ---- slots ----------------------------------------------------------------------------------


def _variable_of(e: Evidence, slot: str) -> str | None:
    """Returns the variable a slot such as "weights/m" belongs to, by the longest matching name."""
    owners = [name for name in e.names("gradient") if slot.startswith(name + "/")]
    return max(owners, key=len, default=None)


def _states(e: Evidence, slot: str) -> tuple[Pair, Pair] | None:
    """Returns a slot after this step and before it; zeros before where nothing is known."""
    now = e.whole("slot", slot)
    if now is None:
        return None
    return now, e.before("slot", slot) or (np.zeros_like(now[0]), np.zeros_like(now[1]))


def _decay(now: np.ndarray, past: np.ndarray, x: np.ndarray) -> float | None:
    """Solves now = decay * past + (1 - decay) * x; None where no decay in (0, 1) does."""
    if now.shape != x.shape or now.size < 2:
        return None
    law = fit((past - x).ravel(), (now - x).ravel())
    holds = law.left <= SAME_FACTOR * float(np.linalg.norm(past - x))
    return law.factor if holds and 1e-6 < law.factor < 1 - 1e-6 else None


def decays(e: Evidence) -> Iterator[str]:
    """Looks for a moment of the gradient, or of its square, with two decays."""
    gradient = e.whole("gradient", _variable_of(e, e.tensor) or "")
    states = _states(e, e.tensor)
    if gradient is None or states is None:
        return
    for power, word in ((1, "first moment"), (2, "second moment")):
        of_a, of_b = (
            _decay(now, past, g**power) for now, past, g in zip(*states, gradient, strict=True)
        )
        if not of_a or not of_b or not (_is_chosen(of_a) and _is_chosen(of_b)):
            continue
        if abs(of_a - of_b) > SAME_FACTOR * (1 - of_a):
            others = set(e.differing("slot")) - set(_alike(e))
            yield (
                f"{e.tensor} is a {word} with decay {of_a:.6g} in A and {of_b:.6g} in B"
                + ("" if others else "; slots of other kinds agree")
            )
            return


def _is_chosen(decay: float) -> bool:
    """Whether someone may have set this decay: 1 - decay has three digits, such as 0.0125.

    After one step from zero any slot that is near a multiple of the gradient looks like a moment.
    """
    rest = 1 - decay
    return abs(float(f"{rest:.3g}") - rest) <= 1e-4 * rest


def other_gradient(e: Evidence) -> Iterator[str]:
    """Looks for moments of B that fit one gradient, which is not the recorded one."""
    owner = _variable_of(e, e.tensor) or ""
    gradient = e.whole("gradient", owner)
    if gradient is None or any(decays(e)) or any(slot_factor(e)):
        return
    applied = [_implied(e, slot, gradient[0], 1) for slot in _slots_of(e, owner)]
    squared = [_implied(e, slot, gradient[0], 2) for slot in _slots_of(e, owner)]
    for g, g2 in itertools.product(applied, squared):
        # Solving for g^2 divides the rounding of a slot, 1e-7, by 1 - decay, down to 0.001.
        if g is None or g2 is None or np.linalg.norm(g**2 - g2) > 1e-3 * np.linalg.norm(g2):
            continue
        factor = common_factor([(gradient[1], g)], share=1e-3)
        if factor is not None and abs(factor - 1) > 1e-3:
            yield (
                f"B's slots of {owner} are those of {factor:.6g} times the gradient recorded: it "
                "is scaled or clipped before it is applied"
            )
        elif factor is None and np.linalg.norm(g - gradient[1]) > 1e-3 * np.linalg.norm(g):
            yield (
                f"B's slots of {owner} fit each other, but not the gradient recorded: the update "
                "used another one (variables read while they are updated, another dropout mask)"
            )
        return


def _implied(e: Evidence, slot: str, gradient: np.ndarray, power: int) -> np.ndarray | None:
    """Returns what B's slot says of the gradient's power, if A's slot is a moment of that."""
    states = _states(e, slot)
    if states is None:
        return None
    now, past = states
    decay = _decay(now[0], past[0], gradient**power)
    return None if decay is None else (now[1] - decay * past[1]) / (1 - decay)


def _alike(e: Evidence) -> list[str]:
    """Returns all slots of the kind of the differing one: "m" of every variable, say."""
    kind = e.tensor.rsplit("/", 1)[-1]
    trained = e.trained()
    alike = [name for name in e.names("slot") if name.rsplit("/", 1)[-1] == kind]
    return [name for name in alike if not trained or _variable_of(e, name) in trained]


def slot_start(e: Evidence) -> Iterator[str]:
    """Looks for slots that are off by one number in all their elements, and what that tells.

    An accumulator of decay d that starts from s holds d s of it after a step: it is above 0.
    """
    apart = []
    for name in _alike(e):
        pair = e.whole("slot", name)
        if pair is not None and pair[0].size:
            apart.append((pair[1] - pair[0]).ravel())
    every = np.concatenate(apart) if apart else np.zeros(0)
    if every.size < 2 or not every.mean() or np.ptp(every) > 1e-3 * abs(every.mean()):
        return
    yield (
        f"B's {e.tensor} is A's {every.mean():+.6g} in each element: the slot may start from "
        "another value (RMSProp 1 or 0, Adagrad 0.1 or 0)"
    )


def slot_factor(e: Evidence) -> Iterator[str]:
    """Looks for slots of one kind that are all off by one factor."""
    names = [name for name in _alike(e) if name in e.differing("slot")]
    factor = e.factor("slot", names) if names else None
    if factor is None or abs(factor) < 1e-12:
        return
    if factor < 0:
        yield (
            f"B's {e.tensor} is {factor:.6g} times A's: Keras's momentum slot holds "
            "-learning_rate times TensorFlow 1's accumulator"
        )
    elif any(decays(e)) or _is_square(e, factor):
        return
    elif _others_agree(e):
        yield (
            f"B's {e.tensor} is {factor:.6g} times A's, other slots agree: the learning rate, "
            "which RMSProp's momentum slot holds, has that ratio"
        )
    else:
        yield f"B's {e.tensor} is {factor:.6g} times A's: the gradient enters with a factor"


def _others_agree(e: Evidence) -> bool:
    """Whether the variable has a slot of another kind, which moves and is the same in both."""
    others = set(_slots_of(e, _variable_of(e, e.tensor) or "")) - set(_alike(e))
    return any(e.moves(e.in_b, "slot", n) and n not in e.differing("slot") for n in others)


def _is_square(e: Evidence, factor: float) -> bool:
    """Whether the factor is that of decays which neither side's gradients confirm."""
    return not e.names("gradient") and factor > 0


def keras_adam(e: Evidence) -> Iterator[str]:
    """Looks for second moments apart by 1 - beta2 in float32 and in Python's precision."""
    if e.stage not in ("slot", "variable"):
        return
    kinds: dict[str, list[float]] = {}
    for name in e.names("slot"):
        norm_a, norm_b = e.norms("slot", name)
        if norm_a and norm_b and "/" in name:
            kinds.setdefault(name.rsplit("/", 1)[-1], []).append(norm_b / norm_a - 1)
    for kind, excesses in kinds.items():
        for sign, keras, tf1 in ((1, "B", "A"), (-1, "A", "B")):
            if all(abs(sign * excess / KERAS_EXCESS - 1) < 0.1 for excess in excesses):
                yield (
                    f"{kind} is larger by {KERAS_EXCESS:.1e} of itself in {keras}: 1 - beta2 is "
                    f"0.001 in {keras}, as in Keras's Adam, and float32(1 - 0.999) in {tf1}, as in "
                    "TensorFlow 1's: the same formula"
                )


# ---- updates --------------------------------------------------------------------------------


def _updates(e: Evidence) -> Updates:
    """Returns the updates of the trained variables, where both steps were kept whole."""
    trained = e.trained() or [n for n in e.names("variable") if e.is_float("variable", n)]
    updates = {}
    for name in trained:
        pair = e.update(name)
        if pair is not None:
            flat = pair[0].ravel(), pair[1].ravel()
            updates[name] = flat, e.rounding("variable", name)
    return updates


def update_law(e: Evidence) -> Iterator[str]:
    """Tries the laws of a wrong update, and names the one that leaves least unexplained."""
    if e.tensor not in (e.trained() or e.names("variable")):
        return
    special = [*sparse_rows(e), *_nesterov(e), *clipped(e), *_missing(e)]
    if special:
        yield special[0]
        return
    updates = _updates(e)
    laws = [_factor_law(e, updates), _weight_decay_law(e, updates), *_epsilon_laws(e, updates)]
    told = [law for law in laws if law is not None]
    if told:
        least = min(law.left for law in told)
        yield next(law.hint for law in told if law.left <= 2 * least)  # the simpler of equals


def _missing(e: Evidence) -> Iterator[str]:
    still = []
    trained = e.trained()
    for name in e.differing("variable"):
        if name not in trained:
            continue
        pair = e.update(name)
        is_still = not e.moves(e.in_b, "variable", name)
        if pair is not None and pair[0].any() and is_still:
            still.append(name)
    if still:
        yield f"B does not update {', '.join(still)}, though it has a gradient there"


def _nesterov(e: Evidence) -> Iterator[str]:
    """Looks for updates of gradient and slot together in one side, of the slot alone in the other.

    At the first step slot and gradient are one; so it takes the step after it.
    """
    if len(e.steps) < 2:
        return
    later = e.at("variable", e.tensor, e.steps[1])
    shares = []
    for side in (later.in_a, later.in_b):
        g, u = side.get("gradient", e.tensor, later.step), side.update(e.tensor, later.step)
        slots = [side.get("slot", slot, later.step) for slot in _slots_of(later, e.tensor)]
        if g is None or u is None or len(slots) != 1 or slots[0] is None or g.size < 3:
            return
        columns = np.stack([slots[0].ravel(), g.ravel()], axis=1)
        found = least_squares(columns, u.ravel())
        if found is None:
            return
        parts = columns * found
        if np.linalg.norm(parts.sum(axis=1) - u.ravel()) > 1e-3 * np.linalg.norm(u):
            return
        shares.append(float(np.linalg.norm(parts[:, 1]) / np.linalg.norm(u)))
    for mine, other, word in ((shares[1], shares[0], "B"), (shares[0], shares[1], "A")):
        if mine > 0.01 and other < 1e-3:
            yield f"{word} uses Nesterov's momentum, the other side plain momentum"
            return


def accumulator(e: Evidence) -> Iterator[str]:
    """Looks for a slot a = momentum * a + c * gradient with two momentums."""
    owner = _variable_of(e, e.tensor) or ""
    gradient, states = e.whole("gradient", owner), _states(e, e.tensor)
    if gradient is None or states is None or gradient[0].size < 3:
        return
    found = []
    for now, past, g in zip(*states, gradient, strict=True):
        columns = np.stack([past.ravel(), g.ravel()], axis=1)
        law = least_squares(columns, now.ravel())
        if law is None:
            return
        left = np.linalg.norm(columns @ law - now.ravel())
        if not past.any() or left > SAME_FACTOR * np.linalg.norm(now):
            return
        found.append(law)
    (of_a, c_a), (of_b, _) = found
    is_accumulator = abs(c_a - 1) <= 1e-3 or c_a < 0  # else it is a moving average
    if is_accumulator and abs(of_a - of_b) > 1e-3:
        yield f"the momentum of {e.tensor} is {of_a:.4g} in A and {of_b:.4g} in B"


def _factor_law(e: Evidence, updates: Updates) -> Told | None:
    xs, ys, noises = _columns(updates)
    rough = fit(np.concatenate(xs), np.concatenate(ys)) if xs else Fit(0.0, 0.0)
    # The rounding of A's updates comes with the factor.
    noises = [noise * max(1.0, abs(1 + rough.factor)) for noise in noises]
    law = common_law(xs, ys, noises)
    # A difference that takes back the whole update is none: then B is not A's times anything.
    if law is None or abs(1 + law.factor) < SAME_FACTOR:
        return None
    factor = 1 + law.factor
    cause = _bias_correction(e, factor, list(updates))
    if cause is None and abs(law.factor) < SAME_FACTOR:
        cause = "Adam's bias correction rounded in another way (1 - beta2**t cancels)"
    cause = (
        cause
        or rates(e)
        or (f"the learning rates, or factors on the gradients, have the ratio {factor:.4g}")
    )
    return Told(law.left, f"B's updates are {factor:.9g} times A's: {cause}")


def _weight_decay_law(e: Evidence, updates: Updates) -> Told | None:
    """B's updates add a multiple of the variable; some variables may be left out, as biases are."""
    differing = {n: u for n, u in updates.items() if n in e.differing("variable")}
    _, ys, noises = _columns(differing)
    befores = [e.before("variable", name) for name in differing]
    columns = [b[0].ravel() for b in befores if b is not None]
    of_a = [a for (a, _), _ in differing.values()]
    law = common_law(columns, ys, noises) or _beside_a_factor(of_a, columns, ys, noises)
    if law is None:
        return None
    return Told(law.left, f"B's updates add {law.factor:.6g} times the variable: weight decay")


def _columns(updates: Updates) -> tuple[list[np.ndarray], list[np.ndarray], list[float]]:
    """Returns A's updates, what B's add to them, and the rounding, of each variable."""
    of_a = [a for (a, _), _ in updates.values()]
    added = [b - a for (a, b), _ in updates.values()]
    return of_a, added, [noise for _, noise in updates.values()]


def _bias_correction(e: Evidence, factor: float, names: Sequence[str]) -> str | None:
    """Names a part of Adam's step size that explains the factor to within 2 % of its effect."""
    if not all(len(_slots_of(e, name)) >= 2 for name in names):
        return None
    first, second = _DEFAULT_DECAYS

    def rate(step: int) -> float:
        return float(np.sqrt(1 - second**step) / (1 - first**step))

    known = {
        "A corrects Adam's bias, B does not": 1 / rate(e.step),
        "B corrects Adam's bias, A does not": rate(e.step),
        "B does not correct the bias of Adam's second moment": (1 - second**e.step) ** -0.5,
        "B does not correct the bias of Adam's first moment": 1 - first**e.step,
        "B's step in Adam's bias correction is one ahead": rate(e.step + 1) / rate(e.step),
    }
    if e.step > 1:
        late = "B's step in Adam's bias correction is one behind"
        known[late] = rate(e.step - 1) / rate(e.step)
    for text, value in known.items():
        # Late in training a correction has no effect: then it explains nothing.
        if abs(value - 1) > 1e-7 and abs(factor - value) <= 0.02 * abs(value - 1):
            return text
    return None


def _slots_of(e: Evidence, variable: str) -> list[str]:
    """Returns the slots of a variable's shape; its gradient has it too."""
    shapes = [e.info(s, variable).shape for s in ("gradient", "variable") if variable in e.names(s)]
    return [
        slot
        for slot in e.names("slot")
        if slot.startswith(variable + "/") and e.info("slot", slot).shape in shapes
    ]


def _epsilon_laws(e: Evidence, updates: Updates) -> Iterator[Told]:
    """Fits an epsilon: updates are u = -c x / (s + epsilon), x a kind of slot or the gradient.

    Two such updates a and b differ by (change of epsilon) / c * a b / x, or with epsilon under
    the root, u = -c x / sqrt(s + epsilon), by (change) / c^2 * a b (a + b) ... of the squares:
    x^2 (1 / b^2 - 1 / a^2) = change / c^2.
    """
    slots = [_slots_of(e, name) for name in updates]
    if not slots or not all(slots) or _slots_differ(e):
        return
    kinds = [slot.rsplit("/", 1)[-1] for slot in slots[0]]
    for stage, kind in [*(("slot", kind) for kind in kinds), ("gradient", "")]:
        for under_root in (False, True):
            told = _epsilon_law(e, updates, stage, kind, under_root)
            if told is not None:
                yield told
                break


def _slots_differ(e: Evidence) -> bool:
    trained = e.trained()
    return any(_variable_of(e, slot) in trained for slot in e.differing("slot"))


def _epsilon_law(
    e: Evidence, updates: Updates, stage: str, kind: str, under_root: bool
) -> Told | None:
    xs, ys, noises, sizes = [], [], [], []
    for name, ((a, b), noise) in updates.items():
        pair = e.whole(stage, f"{name}/{kind}" if kind else name)
        if pair is None:
            return None
        x = pair[0].ravel()
        used = (x != 0) & (a != 0) & (b != 0)
        a, b, x = a[used], b[used], x[used]
        # Both forms written for b - a, so that the rounding is that of the updates.
        column = a * b * (a * b / (a + b)) / x**2 if under_root else a * b / x
        if not np.isfinite(column).all():
            return None
        xs.append(column)
        ys.append(b - a)
        noises.append(noise)
        sizes += _rates(e, name, -a / x, used)
    of_a = [a[(a != 0) & (b != 0)] for (a, b), _ in updates.values()]
    law = common_law(xs, ys, noises) or _beside_a_factor(of_a, xs, ys, noises)
    if law is None:
        return None
    rate = float(np.median(sizes)) if sizes else 0.0
    amount = -law.factor * rate**2 if under_root else law.factor * rate
    change = f", by about {amount:+.1e}" if rate else ""
    where = " under the root" if under_root else ""
    return Told(law.left, f"epsilon{where} may differ{change} from A to B: the updates show it")


def _beside_a_factor(
    of_a: list[np.ndarray], xs: list[np.ndarray], ys: list[np.ndarray], noises: list[float]
) -> Fit | None:
    """Fits the law beside a common factor, as the rounding of 1 - beta2 makes one in Adam."""
    if not xs:
        return None
    if any(a.size != x.size for a, x in zip(of_a, xs, strict=True)):
        return None
    columns = np.stack([np.concatenate(of_a), np.concatenate(xs)], axis=1)
    scale = np.linalg.norm(columns, axis=0)
    if not scale.all():
        return None
    found = least_squares(columns / scale, np.concatenate(ys))
    if found is None:
        return None
    factor = float(found[0] / scale[0])
    if abs(factor) > HYPERPARAMETER:
        return None
    return common_law(xs, [y - factor * a for y, a in zip(ys, of_a, strict=True)], noises)


def _rates(e: Evidence, name: str, ratio: np.ndarray, used: np.ndarray) -> list[float]:
    """Estimates c = -u s / x, where a slot is the square s^2 under the root."""
    pairs = [e.whole("slot", slot) for slot in _slots_of(e, name)]
    squares = [pair[0].ravel()[used] for pair in pairs if pair is not None]
    return [float(np.median(ratio * np.sqrt(s))) for s in squares if s.size and (s >= 0).all()]
