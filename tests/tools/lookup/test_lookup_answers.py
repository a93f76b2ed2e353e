"""The code of answers computes what the old call did, run under real TensorFlow 1.15."""

from __future__ import annotations

import dataclasses
import math

import pytest

from shared.tools.lookup import answers
from shared.tools.lookup.index import Symbol, symbols
from tf115_environment import require_tf115

COMPARED = answers.compared(list(symbols().values()))

ONCE_WRONG = [
    "clip_by_norm",
    "contrib.layers.batch_norm",
    "contrib.layers.optimize_loss",
    "image.resize_bicubic",
    "image.resize_bilinear",
    "image.resize_images",
    "import_graph_def",
    "losses.get_regularization_losses",
    "nn.dynamic_rnn",
    "nn.rnn_cell.DropoutWrapper",
    "nn.rnn_cell.GRUCell",
    "nn.rnn_cell.LSTMCell",
    "nn.static_rnn",
    "saved_model.loader.load",
    "train.import_meta_graph",
]


def test_many_answers_are_compared_with_the_old_call() -> None:
    assert len(COMPARED) > 350
    assert set(ONCE_WRONG) <= {symbol.name for symbol in COMPARED}


def changed(name: str, old: str, new: str) -> Symbol:
    """An answer with a mistake in its code."""
    symbol = symbols()[name]
    for part in ("tf2", "then"):
        text = getattr(symbol, part)
        if old in text:
            return dataclasses.replace(
                symbol, name=f"wrong {name}", **{part: text.replace(old, new)}
            )
    raise AssertionError(f"{name} has no {old!r}")


WRONG = [
    changed("nn.dynamic_rnn", ", zero_output_for_mask=True", ""),
    changed("nn.rnn_cell.GRUCell", "[u, r,", "[r, u,"),
    changed("nn.rnn_cell.LSTMCell", "bias_f + 1.0", "bias_f"),
    changed("image.resize_bilinear", ", align_corners=True", ""),
    changed("cos", "tf.cos", "tf.sin"),
    changed("rank", "tf.rank(x)", "tf.rnak(x)"),
]


@pytest.fixture(scope="module")
def found() -> dict[str, str]:
    """What is wrong with all answers and with the mistakes: a process for each TensorFlow."""
    require_tf115()
    return answers.disagreements([*COMPARED, *WRONG])


@pytest.mark.tf115
@pytest.mark.slow
def test_every_answer_computes_what_the_old_call_did(found: dict[str, str]) -> None:
    assert {name: text for name, text in found.items() if not name.startswith("wrong ")} == {}


@pytest.mark.tf115
@pytest.mark.slow
def test_answers_that_are_wrong_are_noticed(found: dict[str, str]) -> None:
    noticed = {name: text for name, text in found.items() if name.startswith("wrong ")}
    assert set(noticed) == {symbol.name for symbol in WRONG}
    assert noticed.pop("wrong rank").startswith("TensorFlow 2: AttributeError")
    apart = [float(text.split()[0]) for text in noticed.values()]
    assert min(apart) > 0.01  # plainly other numbers: the usual tolerance is 5e-7


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([1.0, 2.0], [1.0, 2.0 + 4e-7], None),
        ([1.0, 2.0], [1.0, 2.0 + 4e-6], "2e-06 apart, relative to the largest number"),
        ([1.0, math.nan], [1.0, math.nan], None),
        ([1.0, 2.0], [1.0, math.nan], "nan apart, relative to the largest number"),
        ([math.inf], [math.inf], None),
        ([[1.0]], [1.0], "shape [[None]] before, [None] after"),
        ({"a": 1}, {"b": 1}, "shape {'a': None} before, {'b': None} after"),
        ("text", "texts", "'text' before, 'texts' after"),
        ([True], [False], "True before, False after"),
        ([None], [1.0], "None before, 1.0 after"),
    ],
)
def test_results_are_compared(before: object, after: object, expected: str | None) -> None:
    assert answers.difference(before, after) == expected
