"""Every difference between the twins is explained in the guide, and nothing else is."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest

from pair_pages.generated import tests as test_page
from pair_pages.side_by_side import explanations
from pair_pages.side_by_side.explanations import ExplanationError, fitting, unnamed_symbols
from pair_pages.side_by_side.hunks import Hunk, stages
from pair_pages.side_by_side.sources import pair_names, sources
from pair_pages.side_by_side.tables import CodeTables
from shared.tools.pitfalls.pitfall import pitfalls

GUIDE = Path(__file__).parents[2] / "docs" / "guide"
TEXTS = explanations.load()
EXPLANATIONS = [each for text in TEXTS.values() for each in text.explanations]


def hunks(left: str, right: str) -> list[Hunk]:
    return [hunk for stage in stages(left, right) for hunk in stage.hunks]


def unexplained(pair: str, left: str, right: str) -> list[str]:
    """What is missing, each as a line that says where to write it."""
    missing = []
    for hunk in hunks(left, right):
        found = fitting(TEXTS.values(), pair, hunk)
        where = f'docs/guide/hunks: stage "{hunk.place.stage}", place "{hunk.place.name}"'
        if not found:
            missing.append(f"{where}: no explanation has texts of these lines:\n{hunk.differing}")
        elif unnamed := unnamed_symbols(hunk, found):
            missing.append(f"{where}: no explanation names {', '.join(sorted(unnamed))}")
    return missing


@pytest.mark.parametrize("pair", pair_names())
def test_every_hunk_has_an_explanation_that_names_its_symbols(pair: str) -> None:
    left, right = sources(pair)
    assert len(hunks(left, right)) > 0
    assert unexplained(pair, left, right) == []


def test_every_explanation_is_used() -> None:
    used = {
        each
        for pair in pair_names()
        for hunk in hunks(*sources(pair))
        for each in fitting(TEXTS.values(), pair, hunk)
    }
    assert [f"{each.place}: {each.title}" for each in EXPLANATIONS if each not in used] == []


def test_an_explanation_says_something_and_names_what_is_there() -> None:
    known_pitfalls = set(pitfalls())
    for each in EXPLANATIONS:
        assert each.has, f"{each.title}: expected a text that its lines hold"
        assert len(each.text.split()) >= 20, each.title
        assert set(each.pitfalls) <= known_pitfalls
        assert set(each.pairs) <= set(pair_names())
        for test in each.tests:
            assert test_page.source_of(test)


def test_a_pair_has_a_page() -> None:
    for pair in pair_names():
        page = GUIDE / "pairs" / f"{pair}.md"
        assert page.is_file(), f"{page}: expected the page of {pair}, found none"
        assert f"```{{pair}} {pair}\n" in page.read_text()


# ---- the checks catch what they are for ----


def changed(right: str, old: str, new: str) -> str:
    assert old in right
    return right.replace(old, new, 1)


def test_a_new_difference_is_missed() -> None:
    left, right = sources("softmax_regression")
    new = changed(right, "    def correct(self", "    # new\n    def correct(self")
    (missing,) = unexplained("softmax_regression", left, new)
    assert 'stage "METRICS", place "correct": no explanation has texts' in missing


def test_another_symbol_in_an_explained_difference_is_missed() -> None:
    left, right = sources("softmax_regression")
    new = changed(
        right, "        steps = tf.shape(", "        tf.print()\n        steps = tf.shape("
    )
    (missing,) = unexplained("softmax_regression", left, new)
    assert 'place "train_steps": no explanation names tf.print' in missing


def test_an_explanation_goes_with_the_line_that_it_explains() -> None:
    left, right = sources("relu_regression")
    new = changed(
        right,
        "        self.optimizer.learning_rate = self.config.learning_rate"
        "  # Keras restores the old one\n",
        "",
    )
    found = [
        each.title
        for hunk in hunks(left, new)
        for each in fitting(TEXTS.values(), "relu_regression", hunk)
    ]
    assert "The learning rate is saved with the optimizer" not in found
    assert "Ask whether all of it was restored" in found


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("stage = ", "Invalid value"),
        ('title = "x"', "no 'stage'"),
        ('stage = "X"\ntitle = "x"\nsummary = ""\n[[hunk]]\nplace = "y"\ntypo = 1', "typo"),
    ],
)
def test_a_broken_file_is_refused(text: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text(text)
    with pytest.raises(ExplanationError, match=f"x.toml: expected a stage.*{reason}"):
        explanations.load(tmp_path)


def test_a_test_that_is_not_there_is_refused() -> None:
    with pytest.raises(ExplanationError, match="expected a test, found none"):
        test_page.source_of("tests/guide/test_guide_hunks.py::test_nothing")


# ---- the tables hold the files ----


@pytest.mark.parametrize("pair", pair_names())
def test_the_tables_hold_both_files_line_by_line(pair: str) -> None:
    left, right = sources(pair)
    tables = CodeTables(left, right)
    cells = "".join(
        tables.hunk(part, "") if isinstance(part, Hunk) else tables.stretch(part, [])
        for stage in stages(left, right)
        for part in stage.parts
    )
    for side, source in (("tf1", left), ("tf2", right)):
        found = re.findall(rf'<td class="code {side}[^"]*"[^>]*><code>(.*?)</code>', cells)
        shown = [html.unescape(re.sub("<[^>]+>", "", code)) for code in found]
        assert "\n".join(shown) + "\n" == source


def test_a_changed_word_is_marked_and_a_common_one_is_not() -> None:
    left, right = "x = tf.Session(graph, batch)\n", "x = tf.function(graph, batch)\n"
    ((hunk,),) = (list(stage.parts) for stage in stages(left, right))
    table = CodeTables(left, right).hunk(hunk, "")  # type: ignore[arg-type]
    marked = [re.sub("<[^>]+>", "", mark) for mark in re.findall("<mark>(.*?)</mark>", table)]
    assert marked == ["Session", "function"]


def test_lines_far_apart_in_one_definition_are_two_hunks() -> None:
    common = "\n".join(f"    y{number} = 0" for number in range(6))
    left = f"def f():\n    a = 1\n{common}\n    b = 1\n"
    right = left.replace("a = 1", "a = 2").replace("b = 1", "b = 2")
    assert [(str(hunk.place), len(hunk.rows)) for hunk in hunks(left, right)] == [
        ("FILE/f", 1),
        ("FILE/f", 1),
    ]
    near = left.replace(common, "    y = 0"), right.replace(common, "    y = 0")
    assert [len(hunk.rows) for hunk in hunks(*near)] == [3]
