"""The usual suspects of a first difference, named only where the numbers single one out.

Each suspect looks at one stage and yields a sentence or nothing. The laws behind them:

- a loss or gradients off by one factor: mean against sum (the factor is the batch size);
- logits are linear in what enters the last layer, so dropout's 1/keep is a factor there;
- a loss computed by a known formula from recorded logits: `shared.tools.compare.loss_laws`;
- slots and updates: see `shared.tools.compare.update_diagnosis`, `.clipping`;
- averages of batch normalization: `shared.tools.compare.state_diagnosis`.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator

import numpy as np

from shared.tools.compare.clipping import clipped_gradients, sparse_slots
from shared.tools.compare.distances import EPSILON, relative_l2
from shared.tools.compare.evidence import (
    ROUNDING,
    SAME_FACTOR,
    Evidence,
    Pair,
    common_factor,
)
from shared.tools.compare.known_models import other_model
from shared.tools.compare.label_laws import constant_labels, exchanged_labels
from shared.tools.compare.loss_laws import log_softmax, other_loss, sigmoid
from shared.tools.compare.norm_epsilon import norm_epsilon
from shared.tools.compare.regularization_laws import (
    decay_in_gradient,
    l2_in_loss,
    sum_beside_l2,
)
from shared.tools.compare.result import Comparison, Reason
from shared.tools.compare.rounding import Tolerance
from shared.tools.compare.search import Difference
from shared.tools.compare.shuffled_labels import shuffled_labels
from shared.tools.compare.state_diagnosis import after_averages, averages
from shared.tools.compare.update_diagnosis import (
    accumulator,
    decays,
    keras_adam,
    other_gradient,
    slot_factor,
    slot_start,
    update_law,
)
from shared.tools.compare.values import Readable, Values
from shared.trace_recorder import STAGES

Suspect = Callable[[Evidence], Iterator[str]]


def suggest(a: Readable, b: Readable, comparison: Comparison) -> list[str]:
    """Names the usual suspects of a comparison's first difference.

    Args:
        a: the reference.
        b: the candidate.
        comparison: what `compare` found; its `beyond_rounding` says where to look past rounding.

    Returns:
        Sentences, most telling first; none where the numbers fit no suspect.
    """
    first, beyond = comparison.first_difference, comparison.beyond_rounding
    hints: list[str] = []
    with np.errstate(all="ignore"):  # what is infinite or NaN fits no law
        if first is not None:
            e = Evidence(a, b, first.stage, first.tensor, first.step)
            hints = suspects(e)
            if not hints:
                rounding = list(_rounding(e))
                hints = [*rounding, *(keras_adam(e) if rounding else ())]
                if beyond is not None and rounding:
                    hints += [f"beyond rounding, {hint}" for hint in explain(a, b, beyond)]
        for reason in comparison.reasons:
            if reason.code == "batch" and reason.tensor and reason.step is not None:
                hints += suspects(Evidence(a, b, "batch", reason.tensor, reason.step))
            hints += _of_form(a, b, reason)
    return list(dict.fromkeys(hints))


def explain(
    a: Readable, b: Readable, found: Difference, tolerance: Tolerance | None = None
) -> list[str]:
    """Names the usual suspects of a difference that rounding does not explain.

    Args:
        a: the reference.
        b: the candidate, with the names of `a`.
        found: what `search` found.
        tolerance: what rounding explains; assumed where None.

    Returns:
        Sentences, most telling first; none where the numbers fit no suspect.
    """
    with np.errstate(all="ignore"):
        return suspects(Evidence(a, b, found.stage, found.tensor, found.step, tolerance))


def suspects(e: Evidence) -> list[str]:
    """Returns what the suspects of the evidence's stage say."""
    return list(dict.fromkeys(hint for suspect in SUSPECTS[e.stage] for hint in suspect(e)))


# ---- form -----------------------------------------------------------------------------------


def _of_form(a: Readable, b: Readable, reason: Reason) -> Iterator[str]:
    """Look at the name and shapes of a tensor that keeps the traces from being compared."""
    if reason.code == "tensors" and re.search(r"\bbeta[12]_power$", reason.tensor or ""):
        yield (
            "Keras's Adam computes the powers of beta from its step count and has no variables "
            "for them: --ignore '*beta?_power'"
        )
    shapes = [
        {(tensor.stage, tensor.name): tensor.shape for tensor in trace.tensors}.get(
            (reason.stage or "", reason.tensor or "")
        )
        for trace in (a, b)
    ]
    if reason.code == "tensors" and reason.stage == "gradient" and reason.tensor:
        side = "A" if shapes[0] is None else "B"
        yield f"{side} may not train {reason.tensor}: it has no gradient there"
    sizes = [sorted(map(str, shape or ())) for shape in shapes]
    if reason.code == "shape" and shapes[0] != shapes[1] and sizes[0] == sizes[1]:
        yield f"the axes of {reason.stage} {reason.tensor} may be transposed"


def _transposed(e: Evidence) -> Iterator[str]:
    pair = e.whole(e.stage, e.tensor)
    if pair is None or not 2 <= pair[0].ndim <= 4:
        return
    for axes in itertools.permutations(range(pair[0].ndim)):
        if np.array_equal(pair[0].transpose(axes), pair[1]):
            yield f"B's {e.tensor} is A's with its axes transposed to {list(axes)}"
            return


def _one_step_off(e: Evidence) -> Iterator[str]:
    for by, word in ((1, "ahead of"), (-1, "behind")):
        names = [name for name in e.differing(e.stage) if _is_as_at(e, name, by)]
        if names:
            yield (
                f"B's {e.stage} {', '.join(names)} is one step {word} A's: a step counter or the "
                "moment of recording is off by one, or an update is missing"
            )


def _is_as_at(e: Evidence, name: str, by: int) -> bool:
    """Whether B's tensor at this step is A's of `by` steps later."""
    mine = e.record(e.b, e.stage, name, e.step)
    theirs = _state(e.a, e, name, e.step + by)
    if not e.moves(e.in_b, e.stage, name):
        return False  # what never moves is behind anything
    if mine is not None and theirs is not None and mine["norm"]:
        return bool((mine["digest"] == theirs["digest"]).all())
    pair = e.whole(e.stage, name)
    counts = pair is not None and pair[0].shape == () and not e.is_float(e.stage, name)
    return counts and pair is not None and bool(pair[1] - pair[0] == by)


def _state(side: Readable, e: Evidence, name: str, step: int) -> np.void | None:
    found = e.record(side, e.stage, name, step)
    return found if found is not None else e.record(side, "initial", f"{e.stage}/{name}", step)


def _rounding(e: Evidence) -> Iterator[str]:
    if e.stage == "loss":
        pair, dtype = e.losses(), e.a.loss_dtype
    elif e.is_float(e.stage, e.tensor):
        pair, dtype = e.whole(e.stage, e.tensor), e.info(e.stage, e.tensor).dtype
    else:
        return
    if pair is None or not np.isfinite(pair[0]).all():
        return
    # Summing n terms makes an error of about sqrt(n) / 4 epsilons: 16 are 4,000 terms, and more
    # where they do not cancel.
    if relative_l2(*pair) <= 16 * EPSILON[dtype]:
        yield (
            "the difference has the size of rounding: sums in another order or precision "
            "(another kernel, XLA, other threads, an accumulation in float64)"
        )


# ---- initial values and batches -------------------------------------------------------------


def _other_start(e: Evidence) -> Iterator[str]:
    pair = e.whole("initial", e.tensor)
    if pair is None:
        return
    kind, name = e.tensor.split("/", 1)
    values = [np.unique(array) for array in pair]
    if kind == "slot" and e.step and pair[0].any() and not pair[1].any():
        yield f"B's slot {name} starts from zeros: it may not have been restored"
    elif len(values[0]) == len(values[1]) == 1 and values[0].size:
        yield f"{name} starts as the constant {values[0][0]:g} in A and {values[1][0]:g} in B"
    elif _forget_block(*pair) is not None:
        yield (
            f"{name} starts with 1 more in one of four blocks in {_forget_block(*pair)}: the bias "
            "of a forget gate (Keras's unit_forget_bias; TensorFlow 1's cell adds forget_bias as "
            "it runs)"
        )
    else:
        factor = common_factor([pair])
        if factor and abs(factor - 1) > ROUNDING:
            yield f"B's initial {name} is {factor:.6g} times A's: another scale or stddev"


def _forget_block(a: np.ndarray, b: np.ndarray) -> str | None:
    """Returns the side of which one fourth of a bias is larger by 1."""
    if a.ndim != 1 or a.size < 8 or a.size % 4:
        return None
    for apart, word in (((b - a), "B"), ((a - b), "A")):
        blocks = apart.reshape(4, -1)
        if sorted((np.ptp(block) == 0, float(block[0])) for block in blocks) == sorted(
            [(True, 0.0)] * 3 + [(True, 1.0)]
        ):
            return word
    return None


def _batch_order(e: Evidence) -> Iterator[str]:
    """Look up each of B's batches that is not A's of the same step among A's."""
    steps_in_a: dict[bytes, list[int]] = {}
    for record in e.a.records("batch", e.tensor):
        steps_in_a.setdefault(record["digest"].tobytes(), []).append(int(record["step"]))
    offsets = []
    for record in e.b.records("batch", e.tensor):
        step = int(record["step"])
        found = [other - step for other in steps_in_a.get(record["digest"].tobytes(), [])]
        if found and 0 not in found:
            offsets.append(min(found, key=abs))
    if len(offsets) >= 2 and len(set(offsets)) == 1:
        way = "ahead of" if offsets[0] > 0 else "behind"
        yield f"B's batches are {abs(offsets[0])} step(s) {way} A's: the order of batches is off"
    elif len(offsets) >= 2:
        yield "B takes batches of A in another order: another seed or way of shuffling"


def _other_batch(e: Evidence) -> Iterator[str]:
    pair = e.whole("batch", e.tensor)
    if pair is None:
        return
    if _rows_exchanged(e, pair):
        yield (
            f"B's {e.tensor} has the rows of A's in another order, while the rest of the batch "
            "agrees: it is shuffled apart from what it belongs to"
        )
    elif _same_numbers(pair):
        yield "the batches hold the same numbers in another order: shuffled, or axes transposed"
    factor = common_factor([pair])
    if factor and abs(factor - 1) > ROUNDING:
        yield f"B's batch is {factor:.6g} times A's: another scale, such as 0..255 against 0..1"
    yield from _masks(e.tensor, pair)


def _rows_exchanged(e: Evidence, pair: Pair) -> bool:
    """Whether a tensor's rows are A's in another order, and all other tensors of the batch A's."""
    others = [n for n in e.names("batch") if n != e.tensor]
    if not others or not _same_rows(pair):
        return False
    wholes = [e.whole("batch", n) for n in others]
    return all(other is not None and np.array_equal(*other) for other in wholes)


def _same_rows(pair: Pair) -> bool:
    if pair[0].ndim == 0 or len(pair[0]) < 2:
        return False
    a, b = (np.sort([row.tobytes() for row in array]) for array in pair)
    return bool((a == b).all())


def _same_numbers(pair: Pair) -> bool:
    """Whether a batch has A's numbers in another order; of zeros and ones any batch may."""
    if np.unique(pair[0]).size <= 2:
        return _same_rows(pair)
    return np.array_equal(np.sort(pair[0], axis=None), np.sort(pair[1], axis=None))


def _masks(name: str, pair: Pair) -> Iterator[str]:
    """Dropout masks fed as data: zeros and one other value each."""
    if not all(len(np.unique(mask)) == 2 and (mask == 0).any() for mask in pair):
        return
    kept = [float((mask != 0).mean()) for mask in pair]
    spread = np.sqrt(kept[0] * (1 - kept[0]) / pair[0].size)  # standard error of a share
    if abs(kept[0] + kept[1] - 1) <= 4 * spread < abs(kept[0] - kept[1]) / 4:
        yield (
            f"batch {name} keeps {kept[0]:.2f} in A and {kept[1]:.2f} in B: the probability "
            "to keep may be taken for the one to drop"
        )


# ---- logits, loss and gradients -------------------------------------------------------------


def _rescaled_logits(e: Evidence) -> Iterator[str]:
    """What enters the last layer has another scale: logits = bias + factor * (rest)."""
    pair = e.whole("logits", e.tensor)
    if pair is None or pair[0].ndim != 2 or pair[0].shape[0] < 3:
        return
    centred = [(array - array.mean(axis=0)).ravel() for array in pair]
    factor = common_factor([(centred[0], centred[1])], share=1e-5)
    if factor and abs(factor - 1) > 1e-3:
        yield (
            f"but for a bias, B's logits are {factor:.6g} times A's: the input of the last layer "
            "has another scale, as when dropout is not rescaled by 1/keep"
        )


def _softmax_twice(e: Evidence) -> Iterator[str]:
    """B's logits are the softmax, or the sigmoid, of A's."""
    pair = e.whole("logits", e.tensor)
    if pair is None or pair[0].ndim == 0 or pair[0].size < 2:
        return
    z, found = pair
    for word, given in (("softmax", np.exp(log_softmax(z))), ("sigmoid", sigmoid(z))):
        if z.shape[-1] + (word == "sigmoid") > 1 and relative_l2(given, found) <= ROUNDING:
            yield f"B's logits are the {word} of A's: the cross-entropy of a {word} taken twice"
            return


def _loss_factor(e: Evidence) -> Iterator[str]:
    pair = e.losses()
    if pair is None or not (pair[0][0] and pair[1][0] and np.isfinite(pair).all()):
        return
    factor = float(pair[1][0] / pair[0][0])
    known = _known_factor(e, factor, of_loss=True)
    # Of several optimizers, one trains its variables at this step.
    names = [name for name in e.trained() if np.isfinite(e.norms("gradient", name)).all()]
    gradients = e.factor("gradient", names) if names else None
    if gradients is None and names:
        return
    if gradients and abs(gradients - factor) > SAME_FACTOR * abs(factor):
        return
    if known:
        yield f"B's loss is {factor:.6g} times A's: {known}"
    elif gradients and abs(factor - 1) > SAME_FACTOR:
        yield f"B's loss and gradients are {factor:.6g} times A's: a constant factor in the loss"


def _known_factor(e: Evidence, factor: float, of_loss: bool) -> str | None:
    batch = e.batch_size()
    known = {}
    if of_loss:
        known = dict.fromkeys((2.0, 0.5), "a factor such as half of the squares against all")
    if batch is not None and batch > 1:
        known[float(batch)] = f"sum in B against mean in A, over a batch of {batch}"
        known[1 / batch] = f"mean in B against sum in A, over a batch of {batch}"
    for value, text in known.items():
        if abs(factor / value - 1) <= SAME_FACTOR:
            return text
    if not of_loss:
        for count in range(2, 17):
            if abs(factor / count - 1) <= SAME_FACTOR:
                return (
                    f"the losses agree, so the factor comes after them: gradients of {count} "
                    "replicas added up in B where A takes their mean, or the like"
                )
            if abs(factor * count - 1) <= SAME_FACTOR:
                return (
                    "the losses agree, so the factor comes after them: gradients averaged over "
                    f"{count} replicas in B where A adds them up, or the like"
                )
    return None


def _untrained(e: Evidence) -> Iterator[str]:
    for name in e.differing("gradient"):
        norm_a, norm_b = e.norms("gradient", name)
        if bool(norm_a) != bool(norm_b):
            side = "B" if norm_a else "A"
            yield (
                f"the gradient of {name} is zero in {side}: it may not be trained there "
                "(a stopped gradient, or another variable in use)"
            )


def _gradient_factor(e: Evidence) -> Iterator[str]:
    trained = e.trained() or e.names("gradient")
    differing = [name for name in e.differing("gradient") if name in trained]
    factor = e.factor("gradient", differing) if differing else None
    if not factor or abs(factor) < SAME_FACTOR or any(clipped_gradients(e)):
        return
    agreeing = [name for name in trained if name not in differing]
    if not agreeing:
        known = _known_factor(e, factor, of_loss=False)
        known = known or "a constant factor in the loss or in the gradients"
        yield f"B's gradients are {factor:.6g} times A's: {known}"
    else:
        yield (
            f"B's gradients of {', '.join(differing)} are {factor:.6g} times A's while the others "
            "agree: a factor on the way back, such as dropout's 1/keep, stands in one only"
        )


def _mask_only(e: Evidence) -> Iterator[str]:
    yield from (hint for hint in other_loss(e) if "mask" in hint)


def _trained_at(side: Values, step: int) -> list[str]:
    return [n for n in side.trained() if side.norm("gradient", n, step) is not None]


def _other_order(e: Evidence) -> Iterator[str]:
    """Looks at which variables have gradients at this step: those of one of several optimizers."""
    of_a, of_b = _trained_at(e.in_a, e.step), _trained_at(e.in_b, e.step)
    if of_a and of_b and not set(of_a) & set(of_b):
        yield (
            f"step {e.step} trains {', '.join(of_a)} in A and {', '.join(of_b)} in B: the "
            "optimizers run in another order"
        )


def _before_update(e: Evidence) -> Iterator[str]:
    """Looks for logits that one side takes before the update of another optimizer's step."""
    if _trained_at(e.in_a, e.step) == _trained_at(e.in_a, e.step - 1):
        return
    for side, other, word in ((e.in_b, e.in_a, "B"), (e.in_a, e.in_b, "A")):
        own = side.get(e.stage, e.tensor, e.step), side.get(e.stage, e.tensor, e.step - 1)
        theirs = other.get(e.stage, e.tensor, e.step), other.get(e.stage, e.tensor, e.step - 1)
        if own[0] is None or own[1] is None or theirs[0] is None or theirs[1] is None:
            continue
        if np.array_equal(own[0], own[1]) and not np.array_equal(theirs[0], theirs[1]):
            yield (
                f"{word} takes the {e.stage} of step {e.step} before the other's update of step "
                f"{e.step - 1}: the gradients of two optimizers are taken before either is applied"
            )
            return


def _first_of(*suspects: Suspect) -> Suspect:
    """Returns a suspect that says what the first of several has to say."""

    def first(e: Evidence) -> Iterator[str]:
        for suspect in suspects:
            told = list(suspect(e))
            if told:
                yield from told
                return

    return first


SUSPECTS: dict[str, tuple[Suspect, ...]] = dict.fromkeys(STAGES, ())
SUSPECTS["initial"] = (_transposed, _other_start)
SUSPECTS["batch"] = (_batch_order, _other_batch)
SUSPECTS["logits"] = (
    _softmax_twice,
    _first_of(_before_update, _one_step_off),
    _transposed,
    _first_of(other_model, _rescaled_logits),
    _first_of(norm_epsilon, after_averages),
)
SUSPECTS["loss"] = (
    _first_of(
        _other_order,
        _mask_only,
        _loss_factor,
        l2_in_loss,
        sum_beside_l2,
        other_loss,
        exchanged_labels,
        shuffled_labels,
        constant_labels,
        norm_epsilon,
        other_model,
    ),
)
SUSPECTS["gradient"] = (
    _one_step_off,
    _transposed,
    _untrained,
    clipped_gradients,
    _gradient_factor,
    decay_in_gradient,
)
SUSPECTS["slot"] = (
    _one_step_off,
    accumulator,
    decays,
    slot_start,
    sparse_slots,
    slot_factor,
    other_gradient,
)
SUSPECTS["variable"] = (_one_step_off, _transposed, averages, update_law)
