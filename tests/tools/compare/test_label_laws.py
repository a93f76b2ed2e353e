"""Labels of other rows or classes, and constant ones, are told from two traces."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from shared.tools.check.outcome import check
from shared.trace_recorder import TraceRecorder, read_trace

ROWS, CLASSES = 8, 3


def record(
    path: Path, exchange: Callable[[np.ndarray], np.ndarray], steps: int = 3, rest: float = 0.0
) -> Path:
    """Records a softmax regression whose weights stand still, its loss of exchanged labels."""
    w = np.random.RandomState(0).normal(size=(4, CLASSES)).astype(np.float32)
    variables = {"w": w, "b": np.zeros(CLASSES, np.float32)}
    with TraceRecorder(path, model="model", style="test", every=1) as recorder:
        recorder.record_initial(variables)
        for step in range(1, steps + 1):
            random = np.random.RandomState(step)
            x, y = random.normal(size=(ROWS, 4)), random.randint(0, CLASSES, ROWS)
            z = x @ w.astype(float)
            shares = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
            used = exchange(y)
            loss = -np.log(shares[np.arange(ROWS), used]).mean() + rest
            bias = (shares - np.eye(CLASSES)[used]).mean(axis=0)
            recorder.record(
                step,
                np.float32(loss),
                batch={"x": x.astype(np.float32), "y": y},
                logits=z.astype(np.float32),
                gradients={"b": bias.astype(np.float32)},
                variables=variables,
            )
    return path


EXCHANGES: dict[str, tuple[Callable[[np.ndarray], np.ndarray], str | None]] = {
    "reversed": (lambda y: y[::-1], "its rows are in reverse order"),
    "row before": (lambda y: np.roll(y, 1), "each row has those of the row before"),
    "classes": (lambda y: CLASSES - 1 - y, "the last class stands for the first"),
    "one higher": (lambda y: (y + 1) % CLASSES, "each is one class higher"),
    # Of rows in any order nothing but the loss tells, which many orders have nearly.
    "shuffled": (lambda y: y[np.random.RandomState(5).permutation(ROWS)], None),
    "all of one class": (lambda y: 0 * y, None),
}


@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("rest", [0.0, 0.2], ids=["", "beside L2"])
@pytest.mark.parametrize("name", list(EXCHANGES))
def test_exchanged_labels_are_named(name: str, rest: float, steps: int, tmp_path: Path) -> None:
    exchange, hint = EXCHANGES[name]
    a = record(tmp_path / "a.npz", lambda y: y, steps, rest)
    b = record(tmp_path / "b.npz", exchange, steps, rest)
    outcome = check(read_trace(a), read_trace(b))
    assert outcome.difference is not None and outcome.difference.stage == "loss"
    assert outcome.hints == () if hint is None else hint in outcome.hints[0], outcome.hints


def record_two(path: Path, labels: tuple[float, float], smooth: float = 0.0) -> Path:
    """Records the loss of a discriminator: sigmoid cross-entropies of two logits."""
    with TraceRecorder(path, model="model", style="test", every=1) as recorder:
        variables = {"w": np.ones(2, np.float32)}
        recorder.record_initial(variables)
        for step in (1, 2, 3):
            random = np.random.RandomState(step)
            logits = {n: random.normal(size=(ROWS, 1)) for n in ("logits", "logits_1")}
            loss = smooth + sum(
                (np.logaddexp(0, z) - z * label).mean()
                for z, label in zip(logits.values(), labels, strict=True)
            )
            recorder.record(
                step,
                np.float32(loss),
                batch={"x": np.zeros(1, np.float32)},
                logits={n: z.astype(np.float32) for n, z in logits.items()},
                gradients={"w": np.full(2, step, np.float32)},
                variables=variables,
            )
    return path


def test_constant_labels_of_two_logits_are_named_and_another_loss_is_not(tmp_path: Path) -> None:
    a = record_two(tmp_path / "a.npz", (1, 0))
    exchanged = record_two(tmp_path / "b.npz", (0, 1))
    other = record_two(tmp_path / "c.npz", (0, 1), smooth=0.1)
    found = check(read_trace(a), read_trace(exchanged)).hints
    assert "with the labels 1, 0 in A and 0, 1 in B" in found[0]
    assert check(read_trace(a), read_trace(other)).hints == ()


def record_batch(path: Path, y: np.ndarray) -> Path:
    """Records one step that was fed the labels y."""
    with TraceRecorder(path, model="model", style="test", every=1) as recorder:
        variables = {"w": np.ones(2, np.float32)}
        recorder.record_initial(variables)
        x = np.random.RandomState(0).normal(size=(ROWS, 4)).astype(np.float32)
        recorder.record(1, np.float32(1), batch={"x": x, "y": y}, variables=variables)
    return path


def test_labels_that_are_fed_in_another_order_are_said_to_be_shuffled(tmp_path: Path) -> None:
    y = np.eye(CLASSES, dtype=np.float32)[np.arange(ROWS) % CLASSES]
    a = record_batch(tmp_path / "a.npz", y)
    shuffled = record_batch(tmp_path / "b.npz", y[::-1].copy())
    # One-hot labels of other classes hold the same zeros and ones, and are no shuffled ones.
    others = record_batch(tmp_path / "c.npz", np.eye(CLASSES, dtype=np.float32)[[0] * ROWS])
    found = check(read_trace(a), read_trace(shuffled)).hints
    assert found == (
        "B's y has the rows of A's in another order, while the rest of the batch agrees: it is "
        "shuffled apart from what it belongs to",
    )
    assert check(read_trace(a), read_trace(others)).hints == ()


# ---- labels solved for --------------------------------------------------------------------------


def record_regression(
    path: Path, exchange: Callable[[np.ndarray], np.ndarray], features: int, decay: float = 0.0
) -> Path:
    """Records one step of a softmax regression [features] with the gradients of all variables."""
    random = np.random.RandomState(1)
    w = random.normal(size=(features, CLASSES)).astype(np.float32)
    x, y = random.normal(size=(ROWS, features)), random.randint(0, CLASSES, ROWS)
    z = x @ w.astype(float)
    shares = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    used = exchange(y)
    apart = (shares - np.eye(CLASSES)[used]) / ROWS
    loss = -np.log(shares[np.arange(ROWS), used]).mean() + decay * (w**2).sum() / 2
    gradients = {"w": x.T @ apart + decay * w, "b": apart.sum(axis=0)}
    variables = {"w": w, "b": np.zeros(CLASSES, np.float32)}
    with TraceRecorder(path, model="model", style="test", every=1) as recorder:
        recorder.record_initial(variables)
        recorder.record(
            1,
            np.float32(loss),
            batch={"x": x.astype(np.float32), "y": y},
            logits=z.astype(np.float32),
            gradients={n: g.astype(np.float32) for n, g in gradients.items()},
            variables=variables,
        )
    return path


@pytest.mark.parametrize(
    ("features", "name", "decay", "is_said"),
    [
        (12, "shuffled", 0.0, True),
        (4, "shuffled", 0.0, False),  # 8 rows, of which 5 equations a class cannot tell
        (12, "all of one class", 0.0, False),
        (12, "shuffled", 0.01, False),  # and A has no such term: two mistakes at once
    ],
)
def test_shuffled_labels_are_solved_for(
    features: int, name: str, decay: float, is_said: bool, tmp_path: Path
) -> None:
    exchange = EXCHANGES[name][0]
    a = record_regression(tmp_path / "a.npz", lambda y: y, features)
    b = record_regression(tmp_path / "b.npz", exchange, features, decay)
    hints = check(read_trace(a), read_trace(b)).hints
    assert any("takes the labels y in another order" in hint for hint in hints) == is_said, hints
    if is_said:
        y = np.random.RandomState(1)
        y.normal(size=(features, CLASSES)), y.normal(size=(ROWS, features))
        drawn = y.randint(0, CLASSES, ROWS)
        assert f"but {int((drawn != exchange(drawn)).sum())} of 8 rows" in hints[0]
