"""The symbol index: complete, and in agreement with the installed TensorFlow."""

from __future__ import annotations

import dataclasses
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.models import PAIRS, SEVERAL_WORKERS
from shared.tensorflow_loading import load_tensorflow
from shared.tools.alignment import STAGE
from shared.tools.lookup.count_uses import count
from shared.tools.lookup.index import KINDS, Symbol, anchor, find, symbols
from shared.tools.lookup.known_names import everyday
from shared.tools.lookup.names import symbols_used
from shared.tools.lookup.page import symbol_index_page
from shared.tools.lookup.pair_lines import names_in_pairs, pair_lines
from shared.tools.lookup.states import (
    WORKS,
    look_up,
    state,
    state_without_legacy_keras,
    upgrade_table,
)
from shared.tools.pitfalls.pitfall import pitfalls
from stock_keras import stock_keras as stock_keras  # every test here has Keras 3 alone

load_tensorflow()
import tensorflow as tf  # noqa: E402

ROOT = Path(__file__).resolve().parents[3]
ALL = list(symbols().values())


def is_known(name: str) -> bool:
    """Whether the index has a name itself or by its family."""
    return any(symbol.name == name for symbol in find(name))


# --- what is in the index ---


def test_every_symbol_of_tf1_style_has_an_entry_of_its_own() -> None:
    assert names_in_pairs() - symbols().keys() == set()


def test_a_symbol_that_the_index_lacks_is_noticed() -> None:
    used = {name for _, name in symbols_used("import tensorflow.compat.v1 as tf\ntf.foo.bar(1)")}
    assert used - symbols().keys() == {"foo.bar"}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import tensorflow as tf\n\ntf.nn.relu(tf.log(x))", [(3, "log"), (3, "nn.relu")]),
        ("from tensorflow.contrib import slim as s\ns.conv2d(x)", [(2, "contrib.slim.conv2d")]),
        ("import tensorflow.compat.v1 as tf\n# tf.log\n'tf.exp'", []),
        ("from tensorflow import nn\nnn.relu", [(2, "nn.relu")]),
        ("import numpy as tf\ntf.zeros(2)", []),
        ("import tensorflow as tf\ntf.train.Saver().save(tf.x)", [(2, "train.Saver"), (2, "x")]),
    ],
)
def test_uses_are_found_by_parsing(source: str, expected: list[tuple[int, str]]) -> None:
    assert sorted(symbols_used(source)) == expected


def most_used_of_tf1(count: int) -> list[str]:
    """The most used names that are not the very same object in TensorFlow 2."""
    uses = json.loads((ROOT / "shared/tools/lookup/uses.json").read_text())["uses"]
    changed = (
        name
        for name in uses
        if state(Symbol(name, "", "", "", "")).code != "same" and not name.startswith("__")
    )
    return [name for name, _ in zip(changed, range(count), strict=False)]


def test_the_150_most_used_symbols_of_tensorflow_1_are_in_it() -> None:
    names = most_used_of_tf1(150)
    assert len(names) == 150
    assert {"Session", "placeholder", "layers.dense"} <= set(names)
    assert [name for name in names if not is_known(name)] == []


def test_every_symbol_that_packages_use_is_known() -> None:
    uses = json.loads((ROOT / "shared/tools/lookup/uses.json").read_text())["uses"]
    names = [name for name in uses if "__" not in name]
    unknown = [name for name in names if not is_known(name)]
    assert unknown == []


def test_uses_are_counted_by_package_and_by_file(tmp_path: Path) -> None:
    both = "import tensorflow as tf\ntf.log(tf.exp(x))\ntf.log(x)"
    sources = {"one-1.0-py3.whl": [both, "print 'Python 2'"], "two-2.0-py3.whl": ["", both, both]}
    for name, texts in sources.items():
        with zipfile.ZipFile(tmp_path / name, "w") as wheel:
            for index, text in enumerate(texts):
                wheel.writestr(f"module{index}.py", text)
    assert count(tmp_path) == {
        "packages": {
            "one==1.0": {"files": 1, "not_python_3": 1},
            "two==2.0": {"files": 2, "not_python_3": 0},
        },
        "uses": {"exp": [2, 3], "log": [2, 3]},
    }


def test_beside_those_of_the_pairs_there_are_150() -> None:
    assert len(symbols().keys() - names_in_pairs()) >= 150


# --- what an entry says ---


def test_entries_name_kinds_and_pitfalls_that_exist() -> None:
    known_pitfalls = set(pitfalls())
    for symbol in ALL:
        assert symbol.kind in KINDS, symbol
        assert set(symbol.pitfalls) <= known_pitfalls, symbol
        assert symbol.change.endswith("."), symbol


def unknown_names(code: str) -> list[str]:
    """The names in TensorFlow 2 code that the installed TensorFlow does not have."""
    roots = [tf, tf.compat.v1] if "tf.compat.v1" in code else [tf]
    used = symbols_used(f"import tensorflow as tf\n{code}")
    return [name for _, name in used if not any(look_up(root, name)[1] is None for root in roots)]


def test_what_to_write_is_python_with_names_that_exist() -> None:
    unknown = {symbol.name: unknown_names(symbol.tf2) for symbol in ALL}
    assert {name: names for name, names in unknown.items() if names} == {}


def test_a_wrong_name_in_what_to_write_is_noticed() -> None:
    assert unknown_names("tf.math.lg(x)") == ["math.lg"]


def upgrade_disagreements(entries: list[Symbol]) -> Iterator[str]:
    """The entries for which `tf_upgrade_v2` knows a native name that they do not mention."""
    for symbol in entries:
        if symbol.old is not None:
            continue  # held against the old call itself, in numbers
        target = upgrade_table().get(f"tf.{symbol.name}", "tf.compat.v1.")
        target = target.replace("tf.compat.v2.", "tf.")
        if target.startswith("tf.compat.v1."):
            continue  # it leaves the name: nothing to agree with
        if target.startswith(("tf.data.experimental.", "tf.keras.optimizers.legacy.")):
            continue  # deprecated for methods of Dataset, and gone with Keras 3
        written = {name for _, name in symbols_used(f"import tensorflow as tf\n{symbol.tf2}")}
        if target.removeprefix("tf.") not in written:
            yield f"{symbol.name}: tf_upgrade_v2 writes {target}"


def test_renames_are_those_of_the_upgrade_script() -> None:
    assert list(upgrade_disagreements(ALL)) == []


def test_a_rename_that_the_upgrade_script_does_not_know_is_noticed() -> None:
    wrong = dataclasses.replace(symbols()["diag"], tf2="tf.linalg.diag(x)", old=None)
    assert list(upgrade_disagreements([wrong])) == [
        "diag: tf_upgrade_v2 writes tf.linalg.tensor_diag"
    ]


# --- the state of the old names ---


def test_the_states_are_told_apart() -> None:
    codes = {
        "matmul": "same",
        "reduce_sum": "changed",
        "train.Saver": "compat",
        "gfile.Remove": "named",
        "placeholder": "graph only",
        "layers": "legacy keras",
        "layers.dense": "legacy keras",
        "nn.rnn_cell.LSTMCell": "legacy keras",
        "contrib": "gone",
        "estimator": "gone",
    }
    assert {name: state(symbols()[name]).code for name in codes} == codes


def kinds_against_states(entries: list[Symbol]) -> dict[str, str]:
    """The state of each entry that is called gone although `tf.compat.v1` has it."""
    states = {symbol.name: state(symbol).code for symbol in entries if symbol.kind == "gone"}
    return {name: code for name, code in states.items() if code not in ("gone", "internal")}


def test_what_is_called_gone_is_gone() -> None:
    found = kinds_against_states(ALL)
    # Legacy Keras has this name, and calling it fails.
    assert found == {"keras.estimator.model_to_estimator": "legacy keras"}
    wrong = dataclasses.replace(symbols()["summary.merge_all"], kind="gone")
    assert kinds_against_states([wrong]) == {"summary.merge_all": "graph only"}


def test_a_state_says_what_was_found() -> None:
    assert "not compatible with eager execution" in (state(symbols()["placeholder"]).in_eager or "")
    reduce_sum = state(symbols()["reduce_sum"])
    assert reduce_sum.in_graph == WORKS
    assert "keep_dims" in reduce_sum.lost
    assert (reduce_sum.as_tf2 or "").startswith("TypeError")
    assert state(symbols()["random_normal"]).upgraded == "tf.random.normal"
    assert "Keras 3" in (state(symbols()["layers.dense"]).lookup or "")


def test_a_call_that_fails_everywhere_is_not_said_to_work() -> None:
    broken = dataclasses.replace(symbols()["train.Saver"], example="tf.train.Saver(no_such_name)")
    found = state_without_legacy_keras(broken)
    assert found.code == "raises"
    assert (found.in_graph or "").startswith("NameError")


def state_complaints(entries: list[Symbol]) -> Iterator[str]:
    """The entries whose kind is not what trying the name shows."""
    for symbol in entries:
        code = state(symbol).code
        if symbol.kind == "unchanged" and code not in ("same", "new"):
            yield f"{symbol.name} is called unchanged, and is {code}"
        if symbol.kind in ("renamed", "argument change") and code == "same":
            yield f"{symbol.name} is called {symbol.kind}, and is the same"
        if code == "raises":
            yield f"{symbol.name} raises: {state(symbol).in_graph}"


@pytest.mark.slow
def test_the_kinds_agree_with_what_was_tried() -> None:
    assert list(state_complaints(ALL)) == []


def test_a_kind_that_is_wrong_is_noticed() -> None:
    wrong = dataclasses.replace(symbols()["reduce_sum"], kind="unchanged")
    assert list(state_complaints([wrong])) == ["reduce_sum is called unchanged, and is changed"]


def test_trying_them_all_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    state.cache_clear()
    for symbol in ALL:
        state(symbol)
    assert capfd.readouterr() == ("", "")


# --- the lines of the pairs ---


def test_a_use_stands_in_the_stage_that_it_names() -> None:
    uses = pair_lines("placeholder")
    assert {use.model for use in uses if use.stage == "INPUTS"} == {*PAIRS, *SEVERAL_WORKERS}
    for use in uses:
        assert "tf.placeholder(" in line_of(use.file, use.line)
        if use.stage is not None:  # a topic module has no stages
            assert stage_of(use.twin, use.twin_line) == use.stage


def test_the_line_of_the_twin_is_that_of_its_own_call() -> None:
    saver = next(use for use in pair_lines("train.Saver") if use.model == "cnn")
    assert "tf.train.Checkpoint(" in line_of(saver.twin, saver.twin_line)
    every = [use for name in names_in_pairs() for use in pair_lines(name)]
    lines = {line_of(use.twin, use.twin_line).strip() for use in every}
    assert not [line for line in lines if not line or line.startswith(("#", '"'))]


def stage_of(file: str, line: int) -> str:
    above = (ROOT / file).read_text().splitlines()[:line]
    return [match[1] for match in map(STAGE.match, above) if match][-1]


def line_of(file: str, number: int) -> str:
    return (ROOT / file).read_text().splitlines()[number - 1]


# --- the page ---


def test_names_without_an_entry_stand_in_the_table(page: str) -> None:
    row = "<td><code>tf.logical_xor</code></td><td>renamed</td><td><code>tf.math.logical_xor</code>"
    assert row in page
    entries, _, table = page.partition("(other-symbols)=")
    assert "<tr class" not in entries
    assert table.count("<tr class") == len(set(everyday()) - symbols().keys())


@pytest.fixture(scope="module")
def page() -> str:
    return symbol_index_page()


def test_each_symbol_has_a_row_with_an_anchor_of_its_own(page: str) -> None:
    anchors = [anchor(symbol) for symbol in ALL]
    assert len(set(anchors)) == len(anchors)
    assert all(page.count(f":name: {name}\n") == 1 for name in anchors)
    assert {"tf-placeholder", "tf-layers-dense", "tf-layers-dense-class"} <= set(anchors)


def test_a_row_links_to_line_concept_and_pitfall(page: str) -> None:
    (row,) = (part for part in page.split("````{container}") if ":name: tf-placeholder\n" in part)
    use = next(use for use in pair_lines("placeholder") if use.model == "cnn")
    assert f'cnn INPUTS <a href="pairs/cnn.html#tf1-L{use.line}">{use.line}</a>' in row
    assert "{ref}`concept-placeholders`" in row
    assert "{ref}`tracing <pitfall-tracing>`" in row
    assert f"In TensorFlow {tf.__version__}: in tf.compat.v1 only; a small call runs" in row
