"""The concept pages of the guide: their snippets run, and say the same in both styles.

Each snippet leaves `results`; the table under "Numbers" of its page shows them, and a test holds
the table against what was measured now.
"""

from __future__ import annotations

import functools
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import forked_python
from shared.tools.child_process import tf115_environment
from shared.tools.lookup.index import anchor, symbols
from shared.tools.pitfalls.pitfall import pitfalls
from tf115_environment import require_tf115

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / "docs" / "guide"
CONCEPTS = sorted(path.stem for path in (GUIDE / "concepts").glob("*.md"))

Results = dict[str, Any]

# Sets up the devices of its process, which must not have run anything before.
ALONE = "distribution"
# Its TensorFlow 2 side needs a switch that is for a whole process.
LEGACY = "legacy-keras"
# What must be done before the first operation goes first.
FIRST = "devices"

# Results that differ, and why; all others are equal to the last bit.
DIFFERENT = {
    ("checkpoints", "key"): "names in the graph against attributes of objects",
    ("devices", "device"): "what a node was asked for against where a tensor is",
    ("hooks", "saved at step"): "MonitoredTrainingSession saves before the first step too",
    ("keras", "error"): "the layers of TensorFlow 1 left with Keras 3",
    ("optimizers", "state"): "TensorFlow 1 keeps powers of beta, Keras a count and the rate",
    ("renames", "resized"): "pixels are centred at 0.5",
    ("seeds-and-dropout", "nn.dropout"): "graph and eager mode number the seeds otherwise",
    ("summaries", "held in"): "another field of the same protocol buffer",
    ("variables", "name"): "no scopes",
}
# Keras's Adam rounds 1 - beta2 otherwise, which makes v 1.3e-5 larger (see shared/models.py); the
# weight follows v's root, three steps long.
CLOSE = {("optimizers", quantity): 2e-5 for quantity in ("weight", "m", "v")}


# --- running the snippets ---


# Legacy Keras starts a thread when it is imported: no fork of that process would be sound.
UNFORKED = functools.partial(subprocess.run, capture_output=True, text=True)


def run_snippets(
    side: str, names: list[str], python: str = sys.executable, **environment: str
) -> dict[str, Results]:
    """Runs them in a process, in a folder that its `TMPDIR` names."""
    program = ROOT / "tests" / "helpers" / "run_snippets.py"
    inherited = os.environ if python == sys.executable else tf115_environment()
    command = [python, str(program), side, *names]
    start = UNFORKED if "TF_USE_LEGACY_KERAS" in environment else forked_python.run
    done = start(command, env={**inherited, **environment})
    assert done.returncode == 0, done.stderr
    results: dict[str, Results] = json.loads(done.stdout.splitlines()[-1])
    return results


def measured_results(folder: str) -> tuple[dict[str, Results], dict[str, Results]]:
    """Runs every snippet in the installed TensorFlow; returns those before and those after."""
    together = [FIRST, *(name for name in CONCEPTS if name not in (FIRST, ALONE, LEGACY))]
    before = run_snippets("before", [*together, ALONE, LEGACY], TMPDIR=folder)
    after = run_snippets("after", together, TMPDIR=folder)
    alone = run_snippets("after", [ALONE], TMPDIR=folder)
    legacy = run_snippets("after", [LEGACY], TMPDIR=folder, TF_USE_LEGACY_KERAS="1")
    return before, {**after, **alone, **legacy}


@pytest.fixture(scope="module")
def measured(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[dict[str, Results], dict[str, Results]]:
    return measured_results(str(tmp_path_factory.mktemp("snippets")))


def disagreements(name: str, before: Results, after: Results) -> Iterator[str]:
    """The results of both sides that are not as `DIFFERENT` and `CLOSE` say."""
    for quantity in before.keys() & after.keys():
        left, right = before[quantity], after[quantity]
        label = f"{name}, {quantity}: {left} before, {right} after"
        if (name, quantity) in DIFFERENT:
            if left == right:
                yield f"{label}, no longer different"
        elif (name, quantity) in CLOSE:
            if left == right or left != pytest.approx(right, rel=CLOSE[name, quantity]):
                yield f"{label}, not close"
        elif left != right:
            yield label


@pytest.mark.slow
def test_before_and_after_give_the_same_numbers(
    measured: tuple[dict[str, Results], dict[str, Results]],
) -> None:
    before, after = measured
    assert set(before) == set(after) == set(CONCEPTS)
    errors = {name: each["error"] for name, each in after.items() if "error" in each}
    errors.update({name: each["error"] for name, each in before.items() if "error" in each})
    assert errors.pop("keras") == "AttributeError: `dense` is not available with Keras 3."
    assert errors.pop(LEGACY) == "AttributeError: `LSTMCell` is not available with Keras 3."
    assert errors == {}
    found = [line for name in CONCEPTS for line in disagreements(name, before[name], after[name])]
    assert found == []


def test_a_snippet_that_computes_something_else_is_noticed() -> None:
    assert list(disagreements("minimize", {"weights": [1.0, 0.5]}, {"weights": [1.0, 0.25]}))
    assert list(disagreements("optimizers", {"v": 0.5}, {"v": 0.501}))
    assert list(disagreements("renames", {"resized": [1.0]}, {"resized": [1.0]}))
    assert not list(disagreements("minimize", {"weights": [1.0]}, {"weights": [1.0]}))


@pytest.mark.slow
@pytest.mark.tf115
def test_the_snippets_before_run_under_tensorflow_115(
    measured: tuple[dict[str, Results], dict[str, Results]], tmp_path: Path
) -> None:
    before, after = measured
    old = run_snippets("before", CONCEPTS, str(require_tf115()), TMPDIR=str(tmp_path))
    assert old["keras"] == after["keras"]
    assert all(close(result, after[LEGACY][quantity]) for quantity, result in old[LEGACY].items())
    mask = ("seeds-and-dropout", "nn.dropout")
    for name in set(CONCEPTS) - {"keras", LEGACY}:
        for quantity, result in old[name].items():
            same = close(result, before[name][quantity])
            assert same == ((name, quantity) != mask), (name, quantity)


def close(left: object, right: object) -> bool:
    """Whether texts are the same and numbers agree to 1e-6.

    Another release of the same libraries rounds exp and log otherwise.
    """
    pairs = zip(leaves(left), leaves(right), strict=True)
    return all(a == (b if isinstance(b, str) else pytest.approx(b, rel=1e-6)) for a, b in pairs)


def leaves(results: object) -> list[Any]:
    """The numbers and texts of a result, in order."""
    if isinstance(results, Mapping):
        return [leaf for key in sorted(results) for leaf in leaves(results[key])]
    if isinstance(results, list):
        return [leaf for each in results for leaf in leaves(each)]
    return [results]


# --- the pages ---


def text_of(name: str) -> str:
    return (GUIDE / "concepts" / f"{name}.md").read_text(encoding="utf-8")


NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[-+]\d+)?")


def is_shown(expected: str, page: str) -> bool:
    """Whether a page has a table; processors round differently: a sixth digit may be one off."""
    count = expected.count("\n") + 1
    lines = page.split("\n")
    shown = ["\n".join(lines[start : start + count]) for start in range(len(lines))]
    numbers = [float(found) for found in NUMBER.findall(expected)]
    return any(
        NUMBER.sub("", other) == NUMBER.sub("", expected)
        and [float(found) for found in NUMBER.findall(other)]
        == pytest.approx(numbers, rel=1e-5, abs=0)
        for other in shown
    )


def test_a_table_with_another_digit_or_another_word_is_not_shown() -> None:
    page = "# T\n\n| a | -0.137939, 0 |\n| b | 0.000721691 |\n"
    assert is_shown("| a | -0.137939, 0 |\n| b | 0.000721692 |", page)
    assert not is_shown("| a | -0.137939, 0 |\n| b | 0.000721711 |", page)
    assert not is_shown("| a | -0.137939, 1e-30 |\n| b | 0.000721691 |", page)
    assert not is_shown("| a | -0.137939, 0 |\n| c | 0.000721691 |", page)


def table(before: Results, after: Results) -> str:
    """The results as the table of a page shows them."""
    lines = ["| result | TensorFlow 1 | TensorFlow 2 |", "|---|---|---|"]
    lines += [
        f"| {quantity} | {cell(before.get(quantity))} | {cell(after.get(quantity))} |"
        for quantity in dict.fromkeys([*before, *after])
    ]
    return "\n".join(lines)


def cell(result: object) -> str:
    if result is None:
        return ""
    texts = []
    for leaf in leaves(result):
        if isinstance(leaf, bool):
            texts.append("yes" if leaf else "no")
        elif isinstance(leaf, str):
            texts.append(f"``{leaf}``" if "`" in leaf else f"`{leaf}`")
        else:
            texts.append(f"{leaf:.6g}")
    return ", ".join(texts)


@pytest.mark.slow
@pytest.mark.parametrize("name", CONCEPTS)
def test_the_table_of_a_page_is_what_was_measured(
    name: str, measured: tuple[dict[str, Results], dict[str, Results]]
) -> None:
    before, after = measured
    assert is_shown(table(before[name], after[name]), text_of(name))


def test_there_is_a_page_with_snippets_for_each_concept() -> None:
    folders = sorted(path.parent.name for path in (GUIDE / "snippets").glob("*/before.py"))
    assert folders == sorted({symbol.concept for symbol in symbols().values()}) == CONCEPTS
    assert len(CONCEPTS) >= 20


HEADINGS = ["Before", "After", "What changes", "Numbers", "Speed", "Traps", "Read more"]


def page_complaints(name: str, text: str) -> Iterator[str]:
    """What is wrong with the form of a page, or with a link that can be checked here."""
    if not text.startswith(f"(concept-{name})=\n\n# "):
        yield "does not begin with its label and a title"
    if re.findall(r"^## (.+)$", text, re.MULTILINE) != HEADINGS:
        yield "has other headings"
    for side in ("before", "after"):
        if f"{{literalinclude}} ../snippets/{name}/{side}.py\n:language: python\n" not in text:
            yield f"does not show its snippet {side}"
    known = {f"pitfall-{name}" for name in pitfalls()}
    known |= {anchor(symbol) for symbol in symbols().values()}
    for target in re.findall(r"\{ref\}`[^`<]*<([^>]+)>`", text):
        if target not in known:
            yield f"refers to {target}"
    for model, target in re.findall(r'href="\.\./pairs/(\w+)\.html#([\w-]+)"', text):
        if target not in stage_ids(model):
            yield f"links to {target} of {model}"
    if "Official: [" not in text or "Asked: [" not in text:
        yield "has no official page or no thread"


def stage_ids(model: str) -> set[str]:
    """The ids of the stages on the page of a pair."""
    from shared.tools.alignment import STAGE

    source = (ROOT / "tf1_style" / f"{model}.py").read_text(encoding="utf-8")
    matches = (STAGE.match(line) for line in source.splitlines())
    return {match[1].lower() for match in matches if match}


def test_every_page_has_the_same_form_and_links_that_lead_somewhere() -> None:
    complaints = {name: list(page_complaints(name, text_of(name))) for name in CONCEPTS}
    assert {name: lines for name, lines in complaints.items() if lines} == {}


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("## Traps", "## Pitfalls", "has other headings"),
        ("(concept-metrics)=", "(concept-metric)=", "does not begin with its label"),
        ("<pitfall-loss-reduction>", "<pitfall-loss>", "refers to pitfall-loss"),
        ("cnn.html#metrics", "cnn.html#metric", "links to metric of cnn"),
        ("metrics/after.py", "metrics/other.py", "does not show its snippet after"),
    ],
)
def test_a_mistake_in_a_page_is_noticed(old: str, new: str, complaint: str) -> None:
    text = text_of("metrics")
    assert text.count(old) == 1
    (found,) = page_complaints("metrics", text.replace(old, new))
    assert found.startswith(complaint)
