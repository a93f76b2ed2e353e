"""The page of pitfalls, from what was measured when the guide was built."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pair_pages.markdown_text import code, escaped, table
from pair_pages.numbers.measured import measured

_HEADER = ("measured", "TensorFlow 1.15", "Session", "ported naively", "written as below")


def markdown() -> str:
    """Returns a section for each pitfall."""
    found = measured("pitfalls")
    intro = f"Measured with TensorFlow {found['tensorflow']}.\n"
    return "\n".join([intro, *map(_section, found["pitfalls"])])


def _section(pitfall: Mapping[str, Any]) -> str:
    before = "tf115" if pitfall["only_tf115"] else "tf1"
    rows = [_row(reading, before) for reading in pitfall["readings"]]
    sources = "\n".join(f"- {_source(source)}" for source in pitfall["sources"])
    return "\n".join(
        [
            f"(pitfall-{pitfall['name']})=",
            f"## {escaped(pitfall['title'])}",
            f"\n`pairs pitfalls {pitfall['name']}`\n",
            f"{escaped(pitfall['what'])}\n",
            table(_HEADER, rows, "readings by-way"),
            f"**Why.** {escaped(pitfall['why'])}\n",
            "**What to write instead.**\n",
            code(pitfall["instead"]),
            f"**Sources**\n\n{sources}\n",
        ]
    )


def _row(reading: Mapping[str, Any], before: str) -> list[str]:
    values = [_shown(reading[way]) for way in ("tf115", "tf1", "tf2", "instead")]
    if reading[before] is not None and reading[before] != reading["tf2"]:
        values[2] = f"**{values[2]}**"
    return [escaped(reading["quantity"]), *values]


def _shown(value: float | bool | str | None) -> str:
    if value is None:
        return "—"
    if isinstance(value, bool):
        return "yes" if value else "no"
    # Nine digits tell any two float32 apart.
    return f"{value:.9g}" if isinstance(value, float) else escaped(str(value))


def _source(source: str) -> str:
    return f"<{source}>" if source.startswith("http") else f"`{source}`"
