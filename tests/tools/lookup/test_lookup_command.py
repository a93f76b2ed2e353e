"""`pairs lookup`: one symbol, several, all, JSON, and names that are wrong."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys

import pytest

from shared.tools.commands import main
from shared.tools.lookup.index import KINDS, symbols
from shared.tools.lookup.states import state
from stock_keras import stock_keras as stock_keras  # every test here has Keras 3 alone


@pytest.fixture(autouse=True)
def width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def output_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["lookup", *arguments]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert max(map(len, printed.out.splitlines())) <= 80
    return printed.out


def test_a_symbol_is_shown_with_its_state_and_its_lines(capsys: pytest.CaptureFixture[str]) -> None:
    output = " ".join(output_of(capsys, "tf.placeholder").split())
    assert output.startswith("tf.placeholder new way TensorFlow 2 tf.TensorSpec([None, 784]")
    assert "INPUTS tf1_style/cnn.py:" in output
    assert "tf2_style/cnn.py:" in output
    assert "pairs pitfalls tracing" in output
    assert "pairs guide concepts/placeholders" in output
    assert "in tf.compat.v1 only; a small call runs in a graph, and raises in eager mode" in output
    assert "RuntimeError: tf.placeholder() is not compatible with eager execution." in output


@pytest.mark.parametrize(
    "name",
    [
        "tf.train.Saver",
        "tf.compat.v1.train.Saver",
        "tensorflow.train.Saver",
        "train.Saver",
        "Saver",
    ],
)
def test_a_symbol_is_found_under_every_way_to_write_it(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert output_of(capsys, "--no-probe", name).startswith("tf.train.Saver  new way")


def test_a_name_below_a_family_is_tried_itself(capsys: pytest.CaptureFixture[str]) -> None:
    output = output_of(capsys, "tf.layers.max_pooling3d")
    assert output.startswith("tf.layers.max_pooling3d  legacy Keras")
    assert "`max_pooling3d` is not available with Keras 3." in " ".join(output.split())


def test_several_symbols_come_in_the_order_asked_for_and_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    output = output_of(capsys, "--no-probe", "tf.log", "tf.div", "log")
    assert output.count("tf.log  renamed") == output.count("tf.div  renamed") == 1
    assert output.index("tf.log  renamed") < output.index("tf.div  renamed")


def test_without_a_symbol_all_are_listed_by_kind(capsys: pytest.CaptureFixture[str]) -> None:
    output = output_of(capsys)
    for kind in KINDS:
        assert f"\n{kind}: " in "\n" + output
    words = set(output.replace(",", " ").split())
    assert {symbol.title for symbol in symbols().values()} <= words


def test_json_has_the_state_and_the_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lookup", "tf.placeholder", "tf.layers.dense", "--json"]) == 0
    placeholder, dense = json.loads(capsys.readouterr().out)
    assert placeholder["state"]["code"] == "graph only"
    assert placeholder["anchor"] == "tf-placeholder"
    assert "INPUTS" in {use["stage"] for use in placeholder["pairs"]}
    assert dense["state"]["code"] == "legacy keras"
    assert {use["file"] for use in dense["pairs"]} == {
        "tf1_style/adversarial.py",
        "tf1_style/residual_network.py",
    }


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("python.tools.freeze_graph", None),  # a module that `import tensorflow` does not load
        ("python.tools.freeze_graph.freeze_graph", None),  # a function of one
        ("python.ops.math_ops", None),
        ("python.ops.math_ops.div_of_old", "AttributeError: "),
        ("python.ops.no_such_module", "AttributeError: "),
        ("python.no_such_package.module.name", "ModuleNotFoundError: No module named "),
    ],
)
def test_a_name_of_the_inside_is_looked_up_as_an_import_finds_it(
    name: str, error: str | None
) -> None:
    any_symbol = next(iter(symbols().values()))
    found = state(dataclasses.replace(any_symbol, name=name)).lookup
    assert (found is None) if error is None else (found is not None and found.startswith(error))


def test_json_of_all_does_not_try_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lookup", "--json"]) == 0
    entries = json.loads(capsys.readouterr().out)
    assert len(entries) == len(symbols())
    assert all(entry["state"] is None for entry in entries)


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [["--no-probe", "tf.placeholder"], [], ["tf.plaecholder"]])
def test_tensorflow_is_loaded_only_to_try_a_name(arguments: list[str]) -> None:
    code = (
        "import sys; from shared.tools.commands import main; main(['lookup', *sys.argv[1:]]); "
        "sys.exit('tensorflow' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, *arguments], check=True, capture_output=True)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("tf.plaecholder", "; did you mean tf.placeholder"),
        ("tf.train.Savr", "; did you mean tf.train.Saver"),
        ("tf.resuce_mean", "; did you mean tf.reduce_mean"),
        ("adamoptimiser", "; did you mean tf.train.AdamOptimizer"),
        ("tf.xyzzy", "'tf.xyzzy'\n"),
    ],
)
def test_an_unknown_symbol_is_one_line_and_exit_code_2(
    name: str, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["lookup", "tf.log", name]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("error: SYMBOL: expected a public name of TensorFlow 1.15 or 2, ")
    assert hint in printed.err
    assert printed.err.count("\n") == 1
