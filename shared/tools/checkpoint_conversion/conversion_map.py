"""The map of a conversion: which TF1 tensor is which TF2 tensor. Its file is TOML.

docs/checkpoint-map.md describes the format.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from shared.errors import UsageError
from shared.tools import toml
from shared.tools.checkpoint_conversion.layout_steps import step_of
from shared.tools.checkpoint_conversion.layouts import CELLS, Layout, Recurrent
from shared.tools.checkpoint_conversion.object_based import name_of


@dataclasses.dataclass(frozen=True)
class KerasAdam:
    """A Keras Adam, which counts steps, and the TF1 Adam, which keeps powers of beta instead.

    Attributes:
        iterations: TF2 name of the count.
        beta1_power: TF1 name of beta1 to the power of (count + 1); `beta2_power` likewise, empty
            where there is none, as of AdaMax.
        beta1: TF1's hyperparameter, which no checkpoint holds; `beta2` likewise.
        steps: TF2 names of other counts of the same updates, which TF1 does not keep.
        unsure: why a person has to check it; nothing is converted while this is there.
    """

    iterations: str
    beta1_power: str = "beta1_power"
    beta2_power: str = "beta2_power"
    beta1: float = 0.9
    beta2: float = 0.999
    steps: tuple[str, ...] = ()
    unsure: str = ""


@dataclasses.dataclass(frozen=True)
class CrossingMap:
    """Which TF1 tensor is which TF2 tensor.

    Attributes:
        tf1: checkpoint of the TF1 program: which tensors must be there when going back.
        tf2: checkpoint of the TF2 program, likewise, with its object graph.
        variables: TF2 names by TF1 name, slots and counters among them.
        keras_adams: the pairs that are computed.
        ignore: patterns of names that have no partner.
        origin: the file, for messages.
        rules: patterns of TF1 names, and what they stand for in TF2.
        layouts: tensors whose elements are in another order or shape; their slots follow.
    """

    tf1: str
    tf2: str
    variables: Mapping[str, Sequence[str]]
    keras_adams: Sequence[KerasAdam] = ()
    ignore: Sequence[str] = ()
    origin: str = "map"
    layouts: Sequence[Layout] = ()
    rules: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Yields each TF1 name with each of its TF2 names."""
        for tf1, names in self.variables.items():
            for tf2 in names:
                yield tf1, tf2


_TABLES = (
    "templates",
    "variables",
    "unsure",
    "keras_adam",
    "recurrent",
    "layout",
    "rules",
    "ignore",
)


def load_map(path: str | os.PathLike[str]) -> CrossingMap:
    """Reads a map.

    Raises:
        UsageError: the file cannot be read, or is not of the documented form.
    """
    try:
        tables = toml.loads(Path(path).read_text(encoding="utf-8"))
    except RecursionError as error:  # Python's reader of TOML calls itself for each bracket
        raise UsageError(f"{path}: expected a map in TOML; found brackets nested deep") from error
    except (OSError, ValueError) as error:  # ValueError: TOML, UTF-8, numbers of 5,000 digits
        raise UsageError(f"{path}: expected a map in TOML; found: {error}") from error
    reader = _Reader(str(path))
    reader.check_names("", tables, _TABLES)
    if tables.get("unsure"):
        first, count = next(iter(tables["unsure"])), len(tables["unsure"])
        raise UsageError(
            f"{path}: [unsure]: expected no open question; found {count}, the first {first!r}: "
            "move what is right to [variables]"
        )
    templates = reader.texts("templates", tables.get("templates", {}), ("tf1", "tf2"))
    folder = Path(path).parent
    return CrossingMap(
        **{style: str(folder / template) for style, template in templates.items()},
        variables=reader.variables(tables.get("variables", {})),
        keras_adams=reader.keras_adams(tables.get("keras_adam", [])),
        ignore=reader.ignore(tables.get("ignore", {})),
        origin=str(path),
        rules=reader.rules(tables.get("rules", {})),
        layouts=[
            *reader.recurrent(tables.get("recurrent", [])),
            *reader.layouts(tables.get("layout", [])),
        ],
    )


class _Reader:
    """Checks the tables of one file."""

    def __init__(self, path: str) -> None:
        self.path = path

    def check_names(self, where: str, table: Any, allowed: Sequence[str]) -> None:
        """Raises UsageError for a name that means nothing."""
        self.require(where, isinstance(table, dict), "a table", table)
        for name in table:
            self.require(where, name in allowed, f"only {', '.join(allowed)}", name)

    def require(self, where: str, condition: bool, expected: str, found: Any) -> None:
        """Raises UsageError unless the condition holds."""
        if not condition:
            place = f"{self.path}: {where}" if where else self.path
            raise UsageError(f"{place}: expected {expected}; found {found!r}")

    def texts(self, where: str, table: Any, names: Sequence[str]) -> dict[str, str]:
        """Returns a table of exactly these names, all with a text as value."""
        self.check_names(f"[{where}]", table, names)
        for name in names:
            value = table.get(name)
            self.require(f"[{where}] {name}", isinstance(value, str), "a text", value)
        return dict(table)

    def variables(self, table: Any) -> dict[str, list[str]]:
        """Returns the TF2 names by TF1 name."""
        self.require("[variables]", isinstance(table, dict), "a table", table)
        variables: dict[str, list[str]] = {}
        taken: dict[str, str] = {}
        for tf1, value in table.items():
            names = value if isinstance(value, list) else [value]
            where = f"[variables] {tf1}"
            texts = bool(names) and all(isinstance(name, str) for name in names)
            self.require(where, texts, "a TF2 name or a list of them", value)
            variables[tf1] = [name_of(name) for name in names]
            for name in variables[tf1]:
                expected = f"every TF2 name once ({taken.get(name)!r} has it too)"
                self.require(where, name not in taken, expected, name)
                taken[name] = tf1
        return variables

    def rules(self, table: Any) -> dict[str, str]:
        """Returns the patterns and what they stand for."""
        self.require("[rules]", isinstance(table, dict), "a table", table)
        for pattern, value in table.items():
            starred = isinstance(value, str) and value != "" and "*" in pattern
            self.require(f"[rules] {pattern}", starred, "a * and a text", value)
        return {pattern: name_of(value) for pattern, value in table.items()}

    def keras_adams(self, tables: Any) -> list[KerasAdam]:
        """Returns the [[keras_adam]] tables."""
        fields = [field.name for field in dataclasses.fields(KerasAdam)]
        found = self.open_tables("[[keras_adam]]", tables, fields)
        return [self.keras_adam(table) for table in found]

    def keras_adam(self, table: Any) -> KerasAdam:
        """Returns one [[keras_adam]] table."""
        names = {"iterations": None, **table}
        steps = names.pop("steps", [])
        listed = isinstance(steps, list) and all(isinstance(name, str) for name in steps)
        self.require("[[keras_adam]] steps", listed, "a list of names", steps)
        for name, value in names.items():
            where = f"[[keras_adam]] {name}"
            if name in ("beta1", "beta2"):
                is_beta = isinstance(value, float) and 0 < value <= 0.99999
                self.require(where, is_beta, "a number above 0 and at most 0.99999", value)
            else:
                self.require(where, isinstance(value, str), "a name", value)
        counts = {"iterations": name_of(table["iterations"]), "steps": tuple(map(name_of, steps))}
        return KerasAdam(**{**table, **counts})

    def recurrent(self, tables: Any) -> list[Layout]:
        """Returns the [[recurrent]] tables."""
        where = "[[recurrent]]"
        found: list[Layout] = []
        fields = ("cell", "tf1", "tf2", "forget_bias", "unsure")
        for table in self.open_tables(where, tables, fields):
            cell: Any = table.get("cell")
            bias = table.get("forget_bias", 1.0)
            self.require(f"{where} cell", cell in CELLS, f"one of {', '.join(CELLS)}", cell)
            self.require(f"{where} forget_bias", type(bias) in (int, float), "a number", bias)
            counts = {style: len(getattr(CELLS[cell], style)) for style in ("tf1", "tf2")}
            tf1, tf2 = (self.tensors(where, table, style, n) for style, n in counts.items())
            found.append(Recurrent(tf1, tf2, cell=cell, forget_bias=float(bias)))
        return found

    def layouts(self, tables: Any) -> list[Layout]:
        """Returns the [[layout]] tables."""
        where = "[[layout]]"
        found = []
        for table in self.open_tables(where, tables, ("tf1", "tf2", "steps", "unsure")):
            tf1, tf2 = (self.tensors(where, table, style) for style in ("tf1", "tf2"))
            steps = table.get("steps")
            listed = isinstance(steps, list) and all(isinstance(step, dict) for step in steps)
            self.require(f"{where} steps", listed, "a list of tables", steps)
            given = []
            for number, step in enumerate(steps or [], 1):
                try:
                    given.append(step_of(step))
                except ValueError as error:
                    place = f"{self.path}: {where} step {number}"
                    raise UsageError(f"{place}: expected {error}") from error
            found.append(Layout(tf1, tf2, tuple(given)))
        return found

    def open_tables(self, where: str, tables: Any, fields: Sequence[str]) -> list[dict[str, Any]]:
        """Returns tables in double brackets that leave no question open."""
        self.require(where, isinstance(tables, list), "double brackets", tables)
        for table in tables:
            self.check_names(where, table, fields)
            self.require(where, not table.get("unsure"), "no open question", table.get("unsure"))
        return tables

    def tensors(
        self, where: str, table: Any, style: str, count: int | None = None
    ) -> tuple[str, ...]:
        """Returns a table's list of different names, of a length where it is given."""
        names = table.get(style)
        texts = isinstance(names, list) and all(isinstance(name, str) for name in names)
        right = texts and len(set(names)) == (len(names) if count is None else count)
        expected = "different names" if count is None else f"{count} names"
        self.require(f"{where} {style}", right, expected, names)
        return tuple(name_of(name) for name in names)

    def ignore(self, table: Any) -> list[str]:
        """Returns the patterns of both styles."""
        self.check_names("[ignore]", table, ("tf1", "tf2"))
        for style, names in table.items():
            texts = isinstance(names, list) and all(isinstance(name, str) for name in names)
            self.require(f"[ignore] {style}", texts, "a list of names", names)
        return [name_of(name) for names in table.values() for name in names]


def quoted(text: str) -> str:
    """Returns a TOML string; TOML's escapes include all that JSON uses."""
    return json.dumps(text, ensure_ascii=False)


def toml_names(names: Sequence[str]) -> str:
    """Returns a TOML string for one name and an array for several."""
    texts = [quoted(name) for name in names]
    return texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"


def toml_list(names: Sequence[str]) -> str:
    """Returns a TOML array of strings."""
    return f"[{', '.join(map(quoted, names))}]"


def toml_value(value: Any) -> str:
    """Returns a number, a text, a list or a table of them as TOML has it inline."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {toml_value(v)}" for name, v in value.items()) + " }"
    if isinstance(value, list):
        return f"[{', '.join(map(toml_value, value))}]"
    return quoted(value) if isinstance(value, str) else repr(value)
