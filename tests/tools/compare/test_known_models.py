"""LSTMs, sums of embeddings and dense layers in two forms, and two epsilons of a normalization."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from shared.tools.check.outcome import Outcome, check
from shared.tools.compare.dense_stacks import Form as StackForm
from shared.tools.compare.dense_stacks import Layer, Stack
from shared.tools.compare.known_models import Form, lstm_outputs
from shared.trace_recorder import TraceRecorder, read_trace

Arrays = dict[str, np.ndarray]
RANDOM = np.random.RandomState(1)
ROWS, TIME, INPUTS, UNITS, CLASSES = 6, 5, 3, 4, 3
CELL: Arrays = {
    "cell/kernel": RANDOM.normal(0, 0.5, (INPUTS + UNITS, 4 * UNITS)),
    "cell/bias": RANDOM.normal(0, 0.1, 4 * UNITS),
    "out": RANDOM.normal(0, 0.5, (UNITS, CLASSES)),
}
BAG: Arrays = {"table": RANDOM.normal(size=(9, 4)), "out": RANDOM.normal(size=(4, CLASSES))}
FORM = Form("ijfo", 1.0)


def batch(step: int) -> Arrays:
    random = np.random.RandomState(step)
    x = random.normal(size=(ROWS, TIME, INPUTS)).astype(np.float32)
    return {"x": x, "y": random.randint(0, CLASSES, ROWS), "ids": random.randint(0, 9, (ROWS, 3))}


def record(
    path: Path,
    variables: Arrays,
    logits_of: Callable[[Arrays, Mapping[str, np.ndarray]], np.ndarray],
    shows_logits: bool = True,
    factor: float = 1.0,
    loss_of: Callable | None = None,
) -> Path:
    """Records three steps whose loss is the softmax cross-entropy; the variables stand still."""
    values = {name: value.astype(np.float32) for name, value in variables.items()}
    with TraceRecorder(path, model="model", style="test", every=1) as recorder:
        recorder.record_initial(values)
        for step in (1, 2, 3):
            fed = batch(step)
            z = logits_of(fed, {n: v.astype(float) for n, v in values.items()})
            shares = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
            loss = -np.log(shares[np.arange(ROWS), fed["y"]]).mean() * factor
            loss = loss if loss_of is None else loss_of(z, fed)
            recorder.record(
                step,
                np.float32(loss),
                batch=fed,
                logits=z.astype(np.float32) if shows_logits else None,
                variables=values,
            )
    return path


def of_cell(form: Form, squash: Callable = np.tanh) -> Callable:
    def logits(fed: Arrays, v: Mapping[str, np.ndarray]) -> np.ndarray:
        outputs, _ = lstm_outputs(
            fed["x"].astype(float), v["cell/kernel"], v["cell/bias"], form, None
        )
        return squash(outputs[:, -1]) @ v["out"]

    return logits


def identity(x: np.ndarray) -> np.ndarray:
    return x


def of_bag(combine: Callable) -> Callable:
    return lambda fed, v: combine(v["table"][fed["ids"]], axis=1) @ v["out"]


def checked(a: Path, b: Path) -> Outcome:
    return check(read_trace(a), read_trace(b))


def test_an_lstm_is_that_of_its_equations_and_stops_at_the_lengths() -> None:
    x = np.random.RandomState(2).normal(size=(2, 3, INPUTS))
    kernel, bias = CELL["cell/kernel"], CELL["cell/bias"]
    outputs, last = lstm_outputs(x, kernel, bias, FORM, np.array([3, 1]))
    i, j, f, o = np.split(np.concatenate([x[0, 0], np.zeros(UNITS)]) @ kernel + bias, 4)
    del f  # the first state is 0
    expected = np.tanh(np.tanh(j) / (1 + np.exp(-i))) / (1 + np.exp(-o))
    np.testing.assert_allclose(outputs[0, 0], expected, rtol=1e-12)  # float64, a few operations
    assert not outputs[1, 1:].any() and outputs[0, 2].any()
    assert (last[1] == outputs[1, 0]).all()


FORMS = {
    "forget bias lost": (Form("ijfo", 0.0), "B lacks the forget bias: with +1 in the third"),
    "forget bias twice": (Form("ijfo", 2.0), "B adds a forget bias again: with -1 in the third"),
    "Keras's order": (Form("ifjo", 1.0), "the second and the third gate of cell/kernel"),
    "two of them": (Form("ifjo", 0.0), None),  # two mistakes at once are no form that is known
}


@pytest.mark.parametrize("shows_logits", [True, False], ids=["logits", "losses only"])
@pytest.mark.parametrize("name", list(FORMS))
def test_a_form_of_the_cell_is_named_from_two_traces(
    name: str, shows_logits: bool, tmp_path: Path
) -> None:
    form, hint = FORMS[name]
    a = record(tmp_path / "a.npz", CELL, of_cell(FORM, identity))
    b = record(tmp_path / "b.npz", CELL, of_cell(form, identity), shows_logits)
    outcome = checked(a, b)
    assert outcome.difference is not None
    assert outcome.difference.stage == ("logits" if shows_logits else "loss")
    assert outcome.hints == () if hint is None else hint in outcome.hints[0], outcome.hints


def test_a_model_that_is_no_known_one_has_no_hint(tmp_path: Path) -> None:
    # The output is squashed once more: in B only, and in both with another form in B.
    plain = record(tmp_path / "a.npz", CELL, of_cell(FORM, identity))
    squashed = record(tmp_path / "b.npz", CELL, of_cell(FORM))
    other = record(tmp_path / "c.npz", CELL, of_cell(Form("ijfo", 0.0)))
    assert checked(plain, squashed).hints == ()
    assert checked(squashed, other).hints == ()


def test_an_average_of_embeddings_is_told_from_their_sum(tmp_path: Path) -> None:
    a = record(tmp_path / "a.npz", BAG, of_bag(np.sum))
    b = record(tmp_path / "b.npz", BAG, of_bag(np.mean), shows_logits=False)
    c = record(tmp_path / "c.npz", BAG, of_bag(np.max), shows_logits=False)
    assert "A sums the 3 embeddings of table" in checked(a, b).hints[0]
    assert checked(a, c).hints == ()


# ---- the epsilon of batch normalization ---------------------------------------------------------


def norm_step(epsilon: float) -> tuple[float, Arrays, Arrays, np.ndarray]:
    """A layer x @ w, normalized, scaled and multiplied; the loss is the mean of squares.

    Returns:
        The loss, the gradients by the chain rule, the variables, and the batch's variance [8].
    """
    random = np.random.RandomState(7)
    x, w, out = random.normal(size=(16, 5)), random.normal(size=(5, 8)), random.normal(size=(8, 2))
    gamma, target = random.uniform(0.5, 1.5, 8), random.normal(size=(16, 2))
    middle = x @ w - (x @ w).mean(axis=0)
    variance = (middle**2).mean(axis=0)
    scale = 1 / np.sqrt(variance + epsilon)
    normal = middle * scale
    apart = (gamma * normal) @ out - target
    of_y = 2 * apart @ out.T / target.size
    of_normal = of_y * gamma
    of_middle = scale * (of_normal - normal * (of_normal * normal).mean(axis=0))
    gradients = {"w": x.T @ (of_middle - of_middle.mean(axis=0))}
    gradients["bn/gamma"] = (of_y * normal).sum(axis=0)
    return float((apart**2).mean()), gradients, {"w": w, "bn/gamma": gamma}, variance


def record_norm(path: Path, epsilon: float, more: float = 0.0) -> Path:
    loss, gradients, variables, variance = norm_step(epsilon)
    start = {**variables, "bn/moving_variance": np.ones(8)}
    after = {**variables, "bn/moving_variance": 0.9 + 0.1 * variance}
    small = {n: v.astype(np.float32) for n, v in start.items()}
    with TraceRecorder(path, model="model", style="test", every=1) as recorder:
        recorder.record_initial(small)
        recorder.record(
            1,
            np.float32(loss + more),
            batch={"x": np.zeros(1, np.float32)},
            gradients={n: g.astype(np.float32) for n, g in gradients.items()},
            variables={n: v.astype(np.float32) for n, v in after.items()},
        )
    return path


@pytest.mark.parametrize(("of_a", "of_b"), [(1e-3, 1e-5), (1e-5, 1e-3), (1e-3, 1e-2)])
def test_two_epsilons_are_solved_for(of_a: float, of_b: float, tmp_path: Path) -> None:
    a, b = record_norm(tmp_path / "a.npz", of_a), record_norm(tmp_path / "b.npz", of_b)
    hint = f"the epsilon of batch normalization is {of_a:g} in A and {of_b:g} in B"
    assert checked(a, b).hints == (hint,)


def test_a_loss_that_the_epsilons_do_not_explain_has_no_hint(tmp_path: Path) -> None:
    a = record_norm(tmp_path / "a.npz", 1e-3)
    b = record_norm(tmp_path / "b.npz", 1e-5, more=0.01)
    assert checked(a, b).hints == ()


# ---- dense layers -------------------------------------------------------------------------------

DENSE: Arrays = {
    "one/w": RANDOM.normal(0, 0.5, (TIME * INPUTS, 6)),
    "one/b": RANDOM.normal(0, 0.3, 6),
    "two/w": RANDOM.normal(0, 0.8, (6, 6)),
    "two/b": RANDOM.normal(0, 0.3, 6),
    "out": RANDOM.normal(0, 0.8, (6, CLASSES)),
}


def relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0)


def sine(x: np.ndarray) -> np.ndarray:
    return np.sin(x)


def leaky(slope: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda x: np.where(x > 0, x, slope * x)


def of_layers(one: Callable, two: Callable, last: Callable = identity) -> Callable:
    def logits(fed: Arrays, v: Mapping[str, np.ndarray]) -> np.ndarray:
        h = one(fed["x"].astype(float).reshape(ROWS, -1) @ v["one/w"] + v["one/b"])
        return last(two(h @ v["two/w"] + v["two/b"]) @ v["out"])

    return logits


@pytest.mark.parametrize("shows_logits", [True, False], ids=["logits", "losses only"])
@pytest.mark.parametrize(
    ("of_a", "of_b", "hint"),
    [
        ((np.tanh, np.tanh), (relu, relu), "one/w and two/w: tanh gives A's numbers, relu B's"),
        ((relu, relu), (relu, np.tanh), "behind two/w: relu gives A's numbers, tanh B's"),
        ((leaky(0.2),) * 2, (leaky(0.3),) * 2, "leaky relu of slope 0.3 (Keras's LeakyReLU) B's"),
        # Two other activations, one that no library has, and another last layer beside it.
        ((relu, relu), (leaky(0.2), np.tanh), None),
        ((relu, relu), (sine, sine), None),
        ((relu, relu), (np.tanh, np.tanh, sine), None),
        ((sine, sine), (relu, relu), None),
    ],
)
def test_another_activation_is_named_from_two_traces(
    of_a: tuple, of_b: tuple, hint: str | None, shows_logits: bool, tmp_path: Path
) -> None:
    a = record(tmp_path / "a.npz", DENSE, of_layers(*of_a))
    b = record(tmp_path / "b.npz", DENSE, of_layers(*of_b), shows_logits)
    outcome = checked(a, b)
    assert outcome.difference is not None
    assert outcome.hints == () if hint is None else hint in outcome.hints[0], outcome.hints


def of_apart(measure: Callable) -> Callable:
    return lambda z, fed: measure(z - fed["ids"]).mean()


@pytest.mark.parametrize(
    ("of_a", "of_b", "hint"),
    [
        (np.square, np.abs, "the mean of the squares, B's is the mean of the absolute differences"),
        (np.square, sine, None),
        (sine, np.abs, None),
    ],
)
def test_another_loss_is_named_where_no_logits_were_seen(
    of_a: Callable, of_b: Callable, hint: str | None, tmp_path: Path
) -> None:
    paths = []
    for name, measure in (("a", of_a), ("b", of_b)):
        paths.append(tmp_path / f"{name}.npz")
        record(paths[-1], DENSE, of_layers(np.tanh, np.tanh), False, loss_of=of_apart(measure))
    outcome = checked(*paths)
    assert outcome.hints == () if hint is None else hint in outcome.hints[0], outcome.hints


def test_normalized_layers_and_gradients_are_those_of_their_equations() -> None:
    random = np.random.RandomState(3)
    x = random.normal(size=(7, 5))
    variables = {"k": random.normal(size=(5, 4)), "b": random.normal(size=4)}
    of_norm = {"bn/gamma": random.uniform(1, 2, 4), "bn/beta": random.normal(size=4)}
    normal = Stack("x", (Layer("k", None, ("bn/gamma", "bn/beta")),))
    found = normal.output({"x": x}, {**variables, **of_norm}, StackForm(("no activation",), 1e-3))
    before = x @ variables["k"]
    expected = (before - before.mean(0)) / np.sqrt(before.var(0) + 1e-3)
    expected = of_norm["bn/gamma"] * expected + of_norm["bn/beta"]
    np.testing.assert_allclose(found, expected, rtol=1e-12)  # float64, a few operations
    plain, form = Stack("x", (Layer("k", "b", None),)), StackForm(("tanh",), 0.0)
    gradients = plain.gradients({"x": x}, variables, form, np.ones((1, 7, 4)))
    slope = 1 - np.tanh(before + variables["b"]) ** 2
    # Differences at 1e-5 are off by 1e-10 of a third derivative, and round by 1e-16 / 1e-5.
    np.testing.assert_allclose(gradients["k"][0], x.T @ slope, rtol=0, atol=1e-8)
    np.testing.assert_allclose(gradients["b"][0], slope.sum(0), rtol=0, atol=1e-8)
