"""Answers keep what the old call did where nothing was said: its defaults."""

from __future__ import annotations

import ast
import dataclasses
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

import forked_python
from argument_defaults import argument_defaults
from shared.tensorflow_loading import load_tensorflow
from shared.tools.child_process import TF115_PYTHON, tf115_environment
from shared.tools.lookup import answers
from shared.tools.lookup.index import Symbol, symbols
from tf115_environment import require_tf115

ROOT = Path(__file__).resolve().parents[3]

Defaults = dict[str, dict[str, Any]]  # by name of a function and of its parameter

# Arguments that change no number and nothing on a disk.
LABELS = {"name", "data_format"}

# An argument that an answer leaves to TensorFlow 2's own default, which is another and the same.
SAME_DEFAULT = {
    ("contrib.learn.RunConfig", "keep_checkpoint_every_n_hours"): "10000 hours are never: None",
    ("estimator.RunConfig", "keep_checkpoint_every_n_hours"): "10000 hours are never: None",
    ("function", "experimental_relax_shapes"): "None is False",
    ("keras.Input", "ragged"): "None is False",
    ("keras.Input", "sparse"): "None is False",
    ("keras.layers.Input", "ragged"): "None is False",
    ("keras.layers.Input", "sparse"): "None is False",
    ("nn.softmax_cross_entropy_with_logits_v2", "axis"): "None was the last axis, -1",
    ("sparse_to_dense", "default_value"): "None is 0 of the values' type",
    ("summary.FileWriter", "max_queue"): "None is 10",
}
# An argument whose default of None in 1.15 stood for what Keras now writes out.
NONE_STOOD_FOR = {"glorot_uniform", "zeros", "tanh"}

# An argument that an answer gives although the old call had another default.
GIVEN = {("split", "axis"): "the answer shows where the axis stands"}

# An argument of the old call that has another name, or a line of its own, in the answer.
CARRIED = {
    ("nn.sufficient_statistics", "keep_dims"): "keepdims",
    ("contrib.layers.conv2d_transpose", "stride"): "Conv2DTranspose(4, 3, 2,",
    ("contrib.layers.dropout", "keep_prob"): "rate=1.0 - keep",
    ("contrib.layers.dropout", "is_training"): "rate=1.0 - keep",
    ("contrib.layers.optimize_loss", "clip_gradients"): "clip_by_global_norm",
}


def callee(node: ast.AST) -> str | None:
    """Returns the name after `tf.` of what a call names."""
    parts = []
    if not isinstance(node, ast.Call):
        return None
    node = node.func
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    is_tensorflow = isinstance(node, ast.Name) and node.id == "tf" and parts
    return ".".join(reversed(parts)) if is_tensorflow else None


def calls(code: str) -> list[tuple[str, ast.Call]]:
    found = ((callee(node), node) for node in ast.walk(ast.parse(code)))
    return [(name, node) for name, node in found if name and isinstance(node, ast.Call)]


@pytest.fixture(scope="module")
def old_defaults() -> Defaults:
    require_tf115()
    done = subprocess.run(
        [str(TF115_PYTHON), str(ROOT / "tests/helpers/argument_defaults.py")],
        env={**tf115_environment(), "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        input=json.dumps(list(symbols())),
        capture_output=True,
        text=True,
        check=True,
    )
    found: Defaults = json.loads(done.stdout.splitlines()[-1])
    assert len(found) > 700
    return found


# --- defaults that the signatures say ---


def changed_defaults(entries: Iterable[Symbol], old: Defaults) -> Iterator[str]:
    """The answers that give an argument another value than its old default, or leave it to one."""
    load_tensorflow()
    for symbol in entries:
        before = old.get(symbol.name, {})
        uses = calls(symbol.tf2) if before else []
        said = {word.arg for _, node in calls(symbol.old or "0") for word in node.keywords}
        now = argument_defaults({name for name, _ in uses})
        for name, node in uses:
            words = {word.arg: word.value for word in node.keywords if word.arg}
            yield from given_otherwise(symbol, before, words, said)
            yield from left_to_default(symbol, before, now.get(name, {}), words, len(node.args))


def given_otherwise(
    symbol: Symbol, before: dict[str, Any], words: dict[str, ast.expr], said: set[str | None]
) -> Iterator[str]:
    """Arguments to which the answer gives a value that was not their default."""
    for word, value in words.items():
        default = before.get(word)
        if default in (None, "<none>") or word in said or not isinstance(value, ast.Constant):
            continue
        same = value.value == default or str(value.value).lower() == str(default).lower()
        if not same and (symbol.name, word) not in GIVEN:
            yield f"{symbol.name}: gives {word}={value.value!r}, the default was {default!r}"


def left_to_default(
    symbol: Symbol, before: dict[str, Any], now: dict[str, Any], words: Any, positional: int
) -> Iterator[str]:
    """Arguments that the answer leaves to another default, without a word about them."""
    for word in before.keys() & now.keys() - words.keys() - LABELS:
        was, is_now = before[word], now[word]
        if was == is_now or "<none>" in (was, is_now) or re.search(rf"\b{word}\b", symbol.change):
            continue
        is_told = word == "reduction" and "loss-reduction" in symbol.pitfalls
        is_told |= (symbol.name, word) in SAME_DEFAULT
        is_told |= was is None and is_now in NONE_STOOD_FOR
        is_told |= positional > list(now).index(word)
        if not is_told:
            yield f"{symbol.name}: leaves {word} to {is_now!r}, the default was {was!r}"


@pytest.mark.tf115
def test_answers_keep_the_defaults_of_the_old_call(old_defaults: Defaults) -> None:
    assert sorted(changed_defaults(symbols().values(), old_defaults)) == []


@pytest.mark.tf115
def test_answers_that_change_a_default_are_noticed(old_defaults: Defaults) -> None:
    wrong = [
        replaced("gfile.Copy", "target)", "target, overwrite=True)"),
        replaced("train.AdamOptimizer", ", epsilon=1e-8", ""),
        replaced("contrib.slim.tfexample_decoder.Image", ", channels=3", ""),
    ]
    wrong[1] = dataclasses.replace(wrong[1], change="The same formula.")
    assert list(changed_defaults(wrong, old_defaults)) == [
        "gfile.Copy: gives overwrite=True, the default was False",
        "train.AdamOptimizer: leaves epsilon to 1e-07, the default was 1e-08",
        "contrib.slim.tfexample_decoder.Image: leaves channels to None, the default was 3",
    ]


def replaced(name: str, old: str, new: str) -> Symbol:
    """An answer with a mistake in its code."""
    symbol = symbols()[name]
    assert old in symbol.tf2
    return dataclasses.replace(symbol, tf2=symbol.tf2.replace(old, new))


# --- defaults that only running the old call shows ---


def without_unmentioned_arguments(entries: Iterable[Symbol]) -> Iterator[Symbol]:
    """Answers whose old call loses the arguments by name of which the answer says nothing.

    Such an argument could be the one that makes both sides agree.
    """
    for symbol in entries:
        tree = ast.parse(symbol.old or "0")
        dropped = []
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or callee(node) != symbol.name:
                continue
            for word in list(node.keywords):
                carried = CARRIED.get((symbol.name, str(word.arg)))
                if str(word.arg) not in symbol.tf2 and not (carried and carried in symbol.tf2):
                    node.keywords.remove(word)
                    dropped.append(str(word.arg))
        if dropped:
            name = f"{symbol.name} without {', '.join(dropped)}"
            yield dataclasses.replace(symbol, name=name, old=ast.unparse(tree))


@pytest.mark.slow
@pytest.mark.tf115
def test_answers_compute_what_the_old_call_did_by_default() -> None:
    require_tf115()
    compared = answers.compared(symbols().values())
    dropout = symbols()["layers.dropout"]
    always_on = dataclasses.replace(
        dropout,
        name="always on",
        given="rate = 0.5",
        old="tf.layers.dropout(x, rate=rate, training=True)",
        tf2="y = tf.nn.dropout(x, rate=rate)",
    )
    by_default = dataclasses.replace(always_on, old="tf.layers.dropout(x, rate=rate)")
    changed = list(without_unmentioned_arguments(compared))
    assert len(changed) > 5
    found = answers.disagreements([*changed, by_default])
    assert float(found.pop("always on").split()[0]) > 0.5  # dropped to 0, or divided by 0.5
    # What 1.15 refuses without the argument has no default to keep.
    assert {name: text for name, text in found.items() if "TensorFlow 1.15: " not in text} == {}


def test_an_argument_that_the_answer_does_not_mention_is_dropped() -> None:
    symbol = dataclasses.replace(
        symbols()["layers.dropout"],
        old="tf.layers.dropout(x, rate=rate, training=True)",
        tf2="tf.nn.dropout(x, rate=rate)",
    )
    (dropped,) = without_unmentioned_arguments([symbol])
    assert dropped.name == "layers.dropout without training"
    assert dropped.old == "tf.layers.dropout(x, rate=rate)"
    assert list(without_unmentioned_arguments([symbols()["layers.dropout"]])) == []


# --- the form of the index ---

KEYS = ["kind", "change", "example", "pitfalls", "given", "old", "tf2", "then", "tolerance"]
INDEX_KEY = re.compile(rf"\s*({'|'.join(KEYS)}) = ")


def misplaced_keys(symbol: Symbol) -> list[str]:
    """The lines of its code that look like a key of the index: those stand in a text."""
    codes = (symbol.given, symbol.old or "", symbol.tf2, symbol.then)
    return [line for code in codes for line in code.splitlines() if INDEX_KEY.match(line)]


def test_no_line_of_code_is_a_key_of_the_index() -> None:
    assert {s.name: misplaced_keys(s) for s in symbols().values() if misplaced_keys(s)} == {}
    cell = symbols()["nn.rnn_cell.LSTMCell"]
    wrong = dataclasses.replace(cell, old=f'{cell.old}pitfalls = ["lstm-layout"]\noutput')
    assert misplaced_keys(wrong) == ['pitfalls = ["lstm-layout"]']


# --- what the texts say of Keras ---


def test_no_answer_tells_to_call_minimize_of_a_keras_optimizer() -> None:
    load_tensorflow()
    import tensorflow as tf

    assert not hasattr(tf.keras.optimizers.Optimizer, "minimize")
    texts = [ROOT / "docs/guide/concepts/minimize.md", *(ROOT / "shared/tools").rglob("*.toml")]
    told = [path.name for path in texts if "tape=tape" in path.read_text(encoding="utf-8")]
    assert told == []


# --- what the texts say of strategies ---


def test_a_strategy_sums_gradients_after_clipping_and_metrics_add_up() -> None:
    program = ROOT / "tests" / "helpers" / "strategy_of_two_replicas.py"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = forked_python.run([sys.executable, program], env=environment, check=True)
    # Gradients of 1 and 3: their mean would be 2, and the clipped sum 0.5.
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "moved by": 4.0,
        "moved by, clipped to 0.5": 1.0,
        "metric": 2.0,
    }
    assert "sums them over the replicas" in symbols()["train.SyncReplicasOptimizer"].change
    assert "then sums them" in symbols()["train.Optimizer.apply_gradients"].change
