"""Models computed from recorded variables and batches: which form each side has.

Gates in another order, or another activation, leave no law in two traces: the two are other
functions. But these functions are known. An LSTM's outputs, the sum of a row's embeddings, or what
dense layers give follow from the recorded batch and the variables before the step; with the layer
behind them they give the logits. A form is named where it alone gives A's recorded numbers, and
another alone B's. Where both have one form, but another loss, the losses are named.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from shared.tools.compare.dense_stacks import Form as StackForm
from shared.tools.compare.dense_stacks import Stack, stacks
from shared.tools.compare.distances import relative_l2
from shared.tools.compare.evidence import Evidence
from shared.tools.compare.loss_laws import batch_of, losses_from, sigmoid
from shared.tools.compare.values import Values

Arrays = Mapping[str, np.ndarray]
# float32 against this float64: a cell rounds some tens of times a step, 1e-7 each.
_SAME = 3e-5
_STEPS = 4  # of which each must agree; where a side shows losses only, two at least
_MOST_WORK = 2e9  # multiplications in all forms together: about two seconds
GATES = ("first", "second", "third", "fourth")
_TF1_ORDER = "ijfo"


class Form(NamedTuple):
    """What a model does with its numbers: the order of an LSTM's gates, and what f is raised by."""

    order: str
    forget: float


class Head(NamedTuple):
    """The layer that makes logits: of which output, by which variables."""

    of: str
    weights: str
    bias: str | None


class Model(NamedTuple):
    """A model to try: gives, of one side's step and a form, outputs by what is taken of them."""

    outputs: Callable[[Arrays, Arrays, tuple], dict[str, np.ndarray]]
    variables: tuple[str, ...]
    forms: tuple[tuple, ...]
    forms_near: Callable[[tuple], tuple[tuple, ...]]  # of B, where A has this one
    words: Callable[[tuple, tuple], str | None]


class Fit(NamedTuple):
    """A form with a layer behind it, and the formulas that then give the losses of a side.

    The formulas are none where logits were recorded, which then agree.
    """

    form: tuple
    head: Head
    formulas: frozenset[str]


def other_model(e: Evidence) -> Iterator[str]:
    """Looks for a known model that gives A's numbers in one form and B's in another."""
    if e.step != e.in_a.first_step():
        return
    batch, variables = batch_of(e.in_a, e.step), variables_before(e.in_a, e.step)
    for model in itertools.chain(
        _lstms(batch, variables), _bags(batch, variables), _dense(batch, variables)
    ):
        of_a = list(fits(e, e.in_a, model, model.forms))
        if of_a:  # the model is A's, whatever B's is
            yield from _told(e, model, of_a)
            return


def fits(
    e: Evidence, side: Values, model: Model, forms: Sequence[tuple], heads: Sequence[Head] = ()
) -> Iterator[Fit]:
    """Yields the forms of a model that give a side's recorded numbers; with any head by default."""
    for form in forms:
        for head in heads or _heads(e, model, form):
            formulas = _gives(e, side, model, form, head)
            if formulas is not None:
                yield Fit(form, head, formulas)


def _told(e: Evidence, model: Model, of_a: list[Fit]) -> Iterator[str]:
    form, heads = of_a[0].form, list(dict.fromkeys(fit.head for fit in of_a))
    of_b = list(fits(e, e.in_b, model, model.forms_near(form), heads))
    if {fit.form for fit in of_a} != {form} or len({fit.form for fit in of_b}) != 1:
        return
    losses = [{name for fit in of for name in fit.formulas} for of in (of_a, of_b)]
    are_other = all(losses) and not losses[0] & losses[1]
    if of_b[0].form == form and are_other:
        yield f"A's loss is {min(losses[0])}, B's is {min(losses[1])}"
    told = model.words(form, of_b[0].form)
    if told is not None and not are_other:
        yield told


def variables_before(side: Values, step: int) -> Arrays:
    """Returns the variables before a step, as far as they were kept whole."""
    found = {n: side.before("variable", n, step) for n in side.names("variable")}
    return {name: value for name, value in found.items() if value is not None}


# ---- the layer behind, and the numbers that must come out -------------------------------------


def _heads(e: Evidence, model: Model, form: tuple) -> list[Head]:
    """Returns the layers that fit the outputs of a model by their shapes."""
    variables = variables_before(e.in_a, e.step)
    outputs = model.outputs(batch_of(e.in_a, e.step), variables, form)
    found = []
    for of, output in outputs.items():
        for name, weights in variables.items():
            if weights.ndim != 2 or name in model.variables or len(weights) != output.shape[-1]:
                continue
            width = (weights.shape[1],)
            biases = [n for n, v in variables.items() if v.shape == width]
            found += [Head(of, name, bias) for bias in [*biases, None]]
    return found


def _logits(side: Values, step: int, model: Model, form: tuple, head: Head) -> np.ndarray | None:
    batch, variables = batch_of(side, step), variables_before(side, step)
    if not {head.weights, *model.variables} <= set(variables):
        return None
    outputs = model.outputs(batch, variables, form)
    if head.of not in outputs:
        return None
    bias = variables.get(head.bias, 0.0) if head.bias is not None else 0.0
    return outputs[head.of] @ variables[head.weights] + bias


def _gives(
    e: Evidence, side: Values, model: Model, form: tuple, head: Head
) -> frozenset[str] | None:
    """Returns the formulas of a side's losses by a form, none of logits; None where it fails."""
    compared, formulas = 0, None
    for step in e.steps[:_STEPS]:
        z = _logits(side, step, model, form, head)
        if z is None:
            continue
        names = side.names("logits")
        recorded = side.get("logits", names[0], step) if len(names) == 1 else None
        if recorded is not None:
            if recorded.size != z.size or relative_l2(recorded, z.reshape(recorded.shape)) > _SAME:
                return None
            compared += 2
            continue
        here = _formulas(side, step, z)
        formulas = here if formulas is None else formulas & here
        if not formulas:
            return None
        compared += 1
    return frozenset(formulas or ()) if compared >= 2 else None


def _formulas(side: Values, step: int, z: np.ndarray) -> set[str]:
    loss = side.get("loss", "loss", step)
    if loss is None or not np.isfinite(loss).all():
        return set()
    known = losses_from(z, batch_of(side, step))
    return {n for n, v in known.items() if abs(v - loss[0]) <= _SAME * abs(loss[0])}


# ---- LSTMs ------------------------------------------------------------------------------------


def _lstms(batch: Arrays, variables: Arrays) -> Iterator[Model]:
    for kernel, bias in _cells(variables):
        units = variables[bias].size // 4
        inputs = len(variables[kernel]) - units
        for source, table in _sources(batch, variables, inputs):
            shape = batch[source].shape
            work = np.prod(shape[:2]) * variables[kernel].size
            if work * 24 <= _MOST_WORK:
                for lengths in [None, *_lengths(batch, shape)]:
                    yield _lstm(kernel, bias, source, table, lengths)


def _cells(variables: Arrays) -> Iterator[tuple[str, str]]:
    """Yields pairs of a kernel [inputs + units, 4 units] and a bias [4 units]."""
    for bias, b in variables.items():
        for kernel, w in variables.items():
            fits = b.ndim == 1 and b.size % 4 == 0 and w.ndim == 2 and w.shape[1] == b.size
            if fits and len(w) > b.size // 4:
                yield kernel, bias


def _sources(batch: Arrays, variables: Arrays, inputs: int) -> Iterator[tuple[str, str | None]]:
    """Yields tensors of the batch that are sequences [rows, time, inputs], or ids with a table."""
    for name, x in batch.items():
        if x.ndim == 3 and x.shape[2] == inputs:
            yield name, None
        for table, w in variables.items():
            if x.ndim == 2 and w.ndim == 2 and w.shape[1] == inputs and _are_ids(x, len(w)):
                yield name, table


def _are_ids(x: np.ndarray, rows: int) -> bool:
    return bool(x.size and (x == np.round(x)).all() and x.min() >= 0 and x.max() < rows)


def _lengths(batch: Arrays, shape: tuple[int, ...]) -> list[str]:
    return [n for n, x in batch.items() if x.shape == shape[:1] and _are_ids(x, shape[1] + 1)]


def _lstm(kernel: str, bias: str, source: str, table: str | None, lengths: str | None) -> Model:
    def outputs(batch: Arrays, variables: Arrays, form: tuple) -> dict[str, np.ndarray]:
        x = batch[source] if table is None else variables[table][batch[source].astype(int)]
        ends = None if lengths is None else batch[lengths]
        every, last = lstm_outputs(x, variables[kernel], variables[bias], Form(*form), ends)
        return {"every": every, "last": every[:, -1], "state": last, "mean": every.mean(axis=1)}

    forms = (0.0, 1.0, 2.0)
    every = [Form(order, forget) for order in _orders() for forget in forms]
    tf1_or_keras = [Form(order, forget) for order in (_TF1_ORDER, "ifjo") for forget in forms]
    used = (kernel, bias) if table is None else (kernel, bias, table)
    return Model(
        outputs,
        used,
        tuple(tf1_or_keras),
        lambda a: tuple(every),
        lambda a, b: _of_cells(a, b, kernel, bias),
    )


def _orders() -> list[str]:
    """Returns TensorFlow 1's order of the gates, and it with two of them exchanged."""
    found = [_TF1_ORDER]
    for first, second in itertools.combinations(range(4), 2):
        order = list(_TF1_ORDER)
        order[first], order[second] = order[second], order[first]
        found.append("".join(order))
    return found


def lstm_outputs(
    x: np.ndarray, kernel: np.ndarray, bias: np.ndarray, form: Form, lengths: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the outputs [rows, time, units] of an LSTM from zeros, and its last state h.

    As `tf.nn.rnn_cell.LSTMCell` has it (Hochreiter and Schmidhuber 1997, with a forget gate).

    Args:
        x: [rows, time, inputs].
        kernel: [inputs + units, 4 units].
        bias: [4 units].
        form: the order of the four blocks, and what is added to the forget gate.
        lengths: of each row, [rows]: outputs after it are 0, the state stays; None for all.
    """
    units = bias.size // 4
    h = c = np.zeros((len(x), units))
    outputs = []
    for t in range(x.shape[1]):
        joined = np.concatenate([x[:, t], h], axis=1) @ kernel + bias
        gate = dict(zip(form.order, np.split(joined, 4, axis=1), strict=True))
        kept = c * sigmoid(gate["f"] + form.forget)
        new_c = kept + sigmoid(gate["i"]) * np.tanh(gate["j"])
        new_h = np.tanh(new_c) * sigmoid(gate["o"])
        goes_on = np.ones((len(x), 1), bool) if lengths is None else (t < lengths)[:, None]
        c, h = np.where(goes_on, new_c, c), np.where(goes_on, new_h, h)
        outputs.append(np.where(goes_on, new_h, 0.0))
    return np.stack(outputs, axis=1), h


def _of_cells(a: tuple, b: tuple, kernel: str, bias: str) -> str | None:
    """Says how B's gates differ from A's; None where they do not, or in two ways at once."""
    of_a, of_b = Form(*a), Form(*b)
    if of_a.order == of_b.order and of_a.forget != of_b.forget:
        return forget_bias(of_a.forget - of_b.forget, of_b.order.index("f"), bias)
    places = [i for i in range(4) if of_a.order[i] != of_b.order[i]]
    if of_a.forget == of_b.forget and len(places) == 2:
        return gates_exchanged(places[0], places[1], [kernel])
    return None


def gates_exchanged(first: int, second: int, kernels: list[str]) -> str:
    """Says that B takes two blocks of a kernel in each other's place."""
    return (
        f"B takes the {GATES[first]} and the {GATES[second]} gate of {', '.join(kernels)} in the "
        "other's place: with these blocks exchanged it gives A's numbers (TensorFlow 1 has "
        "i, j, f, o and Keras i, f, c, o)"
    )


def forget_bias(amount: float, gate: int, bias: str) -> str:
    """Says that B's forget gate is raised by `amount` less than A's."""
    word = "B lacks the forget bias" if amount > 0 else "B adds a forget bias again"
    return f"{word}: with {amount:+g} in the {GATES[gate]} fourth of {bias} it gives A's numbers"


# ---- embeddings of several ids ----------------------------------------------------------------


def _bags(batch: Arrays, variables: Arrays) -> Iterator[Model]:
    """Yields sums over the embeddings of each row's ids [rows, ids]."""
    for name, x in batch.items():
        for table, w in variables.items():
            is_bag = x.ndim == 2 and x.shape[1] > 1 and w.ndim == 2 and _are_ids(x, len(w))
            if is_bag and x.size * w.shape[1] * 6 <= _MOST_WORK:
                yield _bag(name, table, x.shape[1])


_OF_BAG = {"sums": 0.0, "averages": 1.0, "takes the sum over the square root of": 0.5}


def _bag(name: str, table: str, count: int) -> Model:
    def outputs(batch: Arrays, variables: Arrays, form: tuple) -> dict[str, np.ndarray]:
        found = variables[table][batch[name].astype(int)].sum(axis=1)
        return {"bag": found / batch[name].shape[1] ** _OF_BAG[form[0]]}

    def words(a: tuple, b: tuple) -> str | None:
        if a == b:
            return None
        return (
            f"A {a[0]} the {count} embeddings of {table} that a row of {name} names, B {b[0]} them"
        )

    forms = tuple((way,) for way in _OF_BAG)
    return Model(outputs, (table,), forms, lambda a: forms, words)


# ---- dense layers -----------------------------------------------------------------------------


def _dense(batch: Arrays, variables: Arrays) -> Iterator[Model]:
    for stack in stacks(batch, variables):
        yield model_of_stack(stack)


def model_of_stack(stack: Stack) -> Model:
    """Returns dense layers as a model to try."""

    def outputs(batch: Arrays, variables: Arrays, form: tuple) -> dict[str, np.ndarray]:
        return {"stack": stack.output(batch, variables, StackForm(*form))}

    def near(form: tuple) -> tuple[tuple, ...]:
        return stack.forms_near(StackForm(*form))

    return Model(
        outputs, stack.variables, stack.forms(), near, lambda a, b: _of_stacks(a, b, stack)
    )


def _of_stacks(a: tuple, b: tuple, stack: Stack) -> str | None:
    """Says which activations differ; None where something else does."""
    of_a, of_b = StackForm(*a), StackForm(*b)
    places = [i for i, word in enumerate(of_a.activations) if word != of_b.activations[i]]
    words = {(of_a.activations[i], of_b.activations[i]) for i in places}
    if of_a.epsilon != of_b.epsilon or len(words) != 1:
        return None
    (of_a_word, of_b_word) = words.pop()
    kernels = " and ".join(stack.layers[i].kernel for i in places)
    return f"another activation behind {kernels}: {of_a_word} gives A's numbers, {of_b_word} B's"
