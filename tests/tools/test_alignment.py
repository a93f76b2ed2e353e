"""`pairs diff` and the alignment under it."""

from __future__ import annotations

import itertools

import pytest

from shared.models import PAIRS, SCRIPTS
from shared.tools.alignment import align, changed_spans, share_of_common_lines
from shared.tools.commands import main


def texts(left: str, right: str) -> list[tuple[str | None, str | None]]:
    rows = align(left, right)
    return [
        (row.left.text if row.left else None, row.right.text if row.right else None) for row in rows
    ]


def test_common_lines_stand_beside_each_other() -> None:
    assert texts("a\nb\nc", "a\nx\nc") == [("a", "a"), ("b", "x"), ("c", "c")]
    assert texts("a\nc", "a\nb\nc") == [("a", "a"), (None, "b"), ("c", "c")]


def test_a_line_finds_its_partner_at_another_depth() -> None:
    rows = align("with graph:\n    build()", "build()")
    assert [(row.left and row.left.number, row.right and row.right.number) for row in rows] == [
        (1, None),
        (2, 1),
    ]
    assert not rows[1].common  # it is indented on one side


def test_no_line_leaves_its_stage() -> None:
    left = "# ---- LOSS ----\nsame\n# ---- UPDATE ----\nx"
    right = "# ---- LOSS ----\ny\n# ---- UPDATE ----\nsame"
    assert texts(left, right)[1] == ("same", "y")
    assert texts(left, right)[3] == ("x", "same")


def test_no_line_leaves_its_definition() -> None:
    left = "def f():\n    same()\n\ndef g():\n    x()"
    right = "def f():\n    y()\n\n@decorated\ndef g():\n    same()"
    assert texts(left, right) == [
        ("def f():", "def f():"),
        ("    same()", "    y()"),
        ("", ""),
        (None, "@decorated"),
        ("def g():", "def g():"),
        ("    x()", "    same()"),
    ]


def test_a_definition_of_one_side_stays_in_its_stage() -> None:
    left = "# ---- INPUTS ----\ndef f():\n    x\n# ---- LOSS ----\ndef g():\n    y"
    right = "# ---- INPUTS ----\nX = 1\n# ---- LOSS ----\ndef g():\n    y"
    rows = texts(left, right)
    assert rows[:2] == [("# ---- INPUTS ----", "# ---- INPUTS ----"), ("def f():", "X = 1")]
    assert rows[3:] == [(line, line) for line in left.splitlines()[3:]]


def test_every_line_is_shown_once_and_in_order() -> None:
    left, right = "a\n\nb\nc\n\nd", "a\nc\n\nb\n\ne"
    rows = align(left, right)
    assert [row.left.text for row in rows if row.left] == left.split("\n")
    assert [row.right.text for row in rows if row.right] == right.split("\n")


def test_share_of_common_lines() -> None:
    assert share_of_common_lines(align("a\nb", "a\nb")) == 1
    assert share_of_common_lines(align("a\nb", "a\nc")) == 0.5
    assert share_of_common_lines(align("a", "b")) == 0


def test_changed_words() -> None:
    text, other = "x = tf.Session(graph)", "x = tf.function(graph)"
    assert [text[start:end] for start, end in changed_spans(text, other)] == ["Session"]


@pytest.mark.parametrize("model", [*PAIRS, *SCRIPTS])
def test_the_diff_fits_100_columns(
    model: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    assert main(["diff", model, "--whole"]) == 0
    *lines, last = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    assert last.endswith("% of the lines are common to both files")
    left = [int(line[:3]) for line in lines[1:] if line[:3].strip()]
    assert left == list(itertools.islice(itertools.count(1), len(left)))  # none is left out


def test_an_unknown_model(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", "perceptron"]) == 2
    assert "found 'perceptron'" in capsys.readouterr().err
