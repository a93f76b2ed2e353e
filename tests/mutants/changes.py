"""The changes: in which files, what stands there, and what is put in its place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import tomllib

ROOT = Path(__file__).parents[2]
TABLE = Path(__file__).with_name("changes.toml")
STYLES = ("tf1_style", "tf2_style")
BOTH_TWINS = "both twins"


class Change(NamedTuple):
    """One change.

    Attributes:
        label: what a person would call it.
        files: the files that are changed, alike; two where both twins are.
        old: the text that stands once in each of the files, or in each its own.
        new: what is put in its place, likewise.
        tests: what should notice it by a number: arguments of pytest.
    """

    label: str
    files: tuple[str, ...]
    old: str | tuple[str, ...]
    new: str | tuple[str, ...]
    tests: tuple[str, ...]

    @property
    def name(self) -> str:
        """A name for one line: the files and the change."""
        where = f"{BOTH_TWINS} of {Path(self.files[0]).stem}" if self.files[1:] else self.files[0]
        return f"{where}: {self.label}"


def all_changes() -> list[Change]:
    """Returns every change of the table, one for each file, and one for both twins if it says so.

    A [[change]] lists `models`, for which it is made in the files of both styles or of `style`, or
    `files`. `both_twins` makes it once, in both styles at the same time; where the twins say the
    same in other words, `old` and `new` are tables with the text of each style. `tests` are the
    arguments of pytest, where they are not those of the table's beginning; {model} stands in them
    for the model's name.
    """
    table = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    return [change for entry in table["change"] for change in _changes_of(entry, table["tests"])]


def _changes_of(entry: dict, tests: dict[str, list[str]]) -> Iterator[Change]:
    def change(files: tuple[str, ...], arguments: list[str]) -> Change:
        old, new = (
            tuple(text[Path(file).parts[0]] for file in files) if isinstance(text, dict) else text
            for text in (entry["old"], entry["new"])
        )
        return Change(entry["label"], files, old, new, tuple(arguments))

    for model in entry.get("models", []):
        arguments = entry.get("tests") or [*tests["model"], "-k", "{model}"]
        arguments = [word.replace("{model}", model) for word in arguments]
        twins = tuple(f"{style}/{model}.py" for style in STYLES)
        if entry.get("both_twins"):
            yield change(twins, arguments)
        else:
            for twin in twins:
                if entry.get("style", twin).split("/")[0] == twin.split("/")[0]:
                    yield change((twin,), arguments)
    for file in entry.get("files", []):
        yield change((file,), entry.get("tests") or tests[Path(file).parts[1]])


def changed_text(change: Change, file: str, root: Path = ROOT) -> str:
    """Returns the text of a file with the change made.

    Raises:
        ValueError: what is to be changed does not stand there once.
    """
    text = (root / file).read_text(encoding="utf-8")
    place = change.files.index(file)
    old, new = (each if isinstance(each, str) else each[place] for each in (change.old, change.new))
    if text.count(old) != 1 or old == new:
        raise ValueError(f"{file}: expected {old!r} once, found {text.count(old)}")
    return text.replace(old, new)
