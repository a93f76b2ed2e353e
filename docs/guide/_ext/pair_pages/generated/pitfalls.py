"""The page of pitfalls, from what was measured when the guide was built."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from pair_pages.markdown_text import code, escaped, table
from pair_pages.numbers.measured import measured
from shared.tools.pitfalls.pitfall import Value
from shared.tools.pitfalls.report import as_text

_HEADER = ("measured", "TensorFlow 1.15", "Session", "ported naively", "ported well")


def markdown() -> str:
    """Returns a section for each subject, and one in it for each pitfall."""
    found = measured("pitfalls_and_symbols")
    intro = f"Measured with TensorFlow {found['tensorflow']}.\n"
    subjects = itertools.groupby(found["pitfalls"], lambda pitfall: pitfall["subject"])
    sections = (
        "\n".join([f"## {escaped(subject)}\n", *map(_section, pitfalls)])
        for subject, pitfalls in subjects
    )
    return "\n".join([intro, *sections])


def _section(pitfall: Mapping[str, Any]) -> str:
    before = "tf115" if pitfall["only_tf115"] else "tf1"
    rows = [_row(reading, before) for reading in pitfall["readings"]]
    sources = "\n".join(f"- {_source(source)}" for source in pitfall["sources"])
    return "\n".join(
        [
            f"(pitfall-{pitfall['name']})=",
            f"### {escaped(pitfall['title'])}",
            f"\n`pairs pitfalls {pitfall['name']}`\n",
            f"{escaped(pitfall['what'])}\n",
            table(_HEADER, rows, "readings by-way"),
            f"**Why.** {escaped(pitfall['why'])}\n",
            _folded("In TensorFlow 1", pitfall["tf1"]),
            _folded("Ported naively", pitfall["naive"]),
            "**Ported well**\n",
            code(pitfall["fixed"]),
            f"**Sources**\n\n{sources}\n",
        ]
    )


def _folded(title: str, text: str) -> str:
    return f"{_html(f'<details><summary>{title}</summary>')}{code(text)}\n{_html('</details>')}"


def _html(text: str) -> str:
    return f"```{{raw}} html\n{text}\n```\n"


def _row(reading: Mapping[str, Any], before: str) -> list[str]:
    values = [_shown(reading[way]) for way in ("tf115", "tf1", "naive", "fixed")]
    if reading[before] is not None and reading[before] != reading["naive"]:
        values[2] = f"**{values[2]}**"
    return [escaped(reading["quantity"]), *values]


def _shown(value: Value | None) -> str:
    return "—" if value is None else escaped(as_text(value))


def _source(source: str) -> str:
    return f"<{source}>" if source.startswith("http") else f"`{source}`"
