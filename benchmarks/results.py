"""The result of a run: what is kept of it as JSON, and the ratios that are read off it."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import statistics
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match

from benchmarks.counts import COUNTS
from benchmarks.limits import MOVED_BYTES, OPERATIONS
from benchmarks.runtimes import ALL, MACHINE_LIMITS, REFERENCE
from shared.atomic_files import write_text
from shared.errors import DataError

FORMAT = 1
_PRODUCTS = tuple(limit.name for limit in MACHINE_LIMITS if limit.name.startswith("product-"))
LABELS = {runtime.name: runtime.label for runtime in ALL}
# The keys of these fields in files. Files of older versions have them too, so they stay.
_KEYS = {"task": "work", "runtime": "way"}

# What `write_result` writes, and what the comparison and the report ask of it.
_NAME = {"type": "string", "pattern": r"^[\w .()+:/*-]{0,100}$"}  # nothing that steers a terminal
_COUNT = {"type": ["integer", "null"], "minimum": 0, "maximum": 2**53}
_SECONDS = {"type": "number", "exclusiveMinimum": 0, "maximum": 1e6}
_FACTS = {
    "type": "object",
    "propertyNames": _NAME,
    "additionalProperties": {"anyOf": [_NAME, {"type": ["boolean", "null"]}, _COUNT, _SECONDS]},
}
FORM = {
    "type": "object",
    "required": ["format", "machine", "versions", "conditions", "rows"],
    "properties": {
        "command": {"type": "string", "maxLength": 10_000},
        "quick": {"type": "boolean"},
        "finished": _NAME,
        "machine": _FACTS,
        "versions": _FACTS,
        "conditions": {
            "type": "object",
            "propertyNames": _NAME,
            "additionalProperties": _FACTS,
        },
        "rows": {
            "type": "array",
            "maxItems": 100_000,
            "items": {
                "type": "object",
                "required": ["model", "work", "way", "device", "seconds"],
                "additionalProperties": False,
                "properties": {
                    "model": {"enum": sorted(COUNTS)},
                    "work": _NAME,
                    "way": {"enum": sorted(LABELS)},
                    "device": {"enum": sorted(OPERATIONS)},
                    "batch": _COUNT,
                    "steps": _COUNT,
                    "rss_growth": {"type": "integer", "minimum": -(2**53), "maximum": 2**53},
                    "p99": _SECONDS,
                    "seconds": {"type": "array", "minItems": 1, "items": _SECONDS},
                },
            },
        },
    },
}


@dataclasses.dataclass(frozen=True)
class Row:
    """One benchmark: the seconds per step, or per call, in each round."""

    model: str
    task: str
    runtime: str
    device: str
    batch: int | None
    seconds: tuple[float, ...]
    steps: int | None = None  # of a run whose length matters
    rss_growth: int | None = None  # bytes by which the process grew meanwhile
    p99: float | None = None  # of all single calls; then `seconds` are the medians of the rounds


class Ratio(NamedTuple):
    """A ratio of times taken in the same rounds."""

    median: float
    low: float  # the lowest of any round
    high: float

    @property
    def spread(self) -> str:
        """The lowest and the highest ratio of any round."""
        return f"{short(self.low)}-{short(self.high)}"


def short(value: float) -> str:
    """Returns a ratio as people read it: 0.05, 0.51, 6.8, 15, 131, 13,200."""
    decimals = 2 if value < 1 else 1 if value < 10 else 0
    return f"{value:,.{decimals}f}"


def duration(seconds: float) -> str:
    """Returns three digits and a unit: 16.8 us, 1.23 ms, 109 ms."""
    units = (("s", 1.0), ("ms", 1e-3), ("us", 1e-6), ("ns", 1e-9))
    unit, size = next((pair for pair in units if seconds >= pair[1]), units[-1])
    value = seconds / size
    return f"{value:.{2 if value < 10 else 1 if value < 100 else 0}f} {unit}"


class Result:
    """A run: where it was made, with what command, and its rows."""

    def __init__(self, about: Mapping[str, Any], rows: Iterable[Row]) -> None:
        """Takes what the file says beside the rows, and the rows."""
        self.about, self.rows = dict(about), list(rows)

    @property
    def digest(self) -> str:
        """A fingerprint of the rows, by which a picture tells what it was drawn from."""
        text = json.dumps([_plain(row) for row in self.rows])
        return hashlib.sha256(text.encode()).hexdigest()

    def select(self, task: str, model: str | None = None, device: str | None = None) -> list[Row]:
        """Returns the rows of this task, in the order they were measured."""
        return [
            row
            for row in self.rows
            if row.task == task
            and (model is None or row.model == model)
            and (device is None or row.device == device)
        ]

    def timed_with(self, row: Row) -> dict[str, Row]:
        """Returns the rows of the group of `row`, itself included, by runtime."""
        return {
            other.runtime: other
            for other in self.select(row.task, row.model, row.device)
            if other.batch == row.batch
        }

    def speed_ratio(self, row: Row) -> Ratio | None:
        """Returns how many times as fast a row is as the Session; None if that was not run."""
        reference = self.timed_with(row).get(REFERENCE)
        return ratio(reference.seconds, row.seconds) if reference else None

    def floor(self, row: Row) -> tuple[float, ...]:
        """Returns the shortest time of a step by round, in seconds; () if it was not measured."""
        group = self.timed_with(row)
        products = [group[name].seconds for name in _PRODUCTS if name in group]
        if not products or "copy" not in group or row.batch is None:
            return ()
        count = COUNTS[row.model](row.batch)
        rounds = zip(group["copy"].seconds, *products, strict=True)
        # How much a GPU's cache holds, TensorFlow does not say: there, only operations count.
        cache = math.inf if row.device == "gpu" else self.about["machine"]["cache_bytes"]
        operations, moved_bytes = OPERATIONS[row.device], MOVED_BYTES[row.device]
        return tuple(
            count.floor(min(best) / operations, copy / moved_bytes, cache) for copy, *best in rounds
        )

    def over_floor(self, row: Row) -> Ratio | None:
        """Returns how many times the floor a step takes; None if there is no floor."""
        floor = self.floor(row)
        return ratio(row.seconds, floor) if floor else None


def ratio(over: tuple[float, ...], under: tuple[float, ...]) -> Ratio:
    """Returns the ratio of the times of each round that both were timed in."""
    ratios = [a / b for a, b in zip(over, under, strict=False)]
    return Ratio(statistics.median(ratios), min(ratios), max(ratios))


def is_limit(row: Row) -> bool:
    """Whether a row is a limit of the machine, and no runtime that trains."""
    return row.runtime in {limit.name for limit in MACHINE_LIMITS}


# --- Files ---


def from_pytest_benchmark(path: Path, command: str, quick: bool) -> Result | None:
    """Reads what one run of the suites left; None if nothing was measured."""
    if not path.exists():
        return None
    document = json.loads(path.read_text(encoding="utf-8"))
    benchmarks = [found for found in document["benchmarks"] if found["stats"].get("data")]
    if not benchmarks:
        return None
    infos = [benchmark["extra_info"] for benchmark in benchmarks]
    rows = [_row(benchmark["extra_info"], benchmark["stats"]["data"]) for benchmark in benchmarks]
    about = {
        "format": FORMAT,
        "command": command,
        "quick": quick,
        "finished": document["datetime"][:10],
        "machine": infos[0]["machine"],
        "versions": infos[0]["versions"],
        "conditions": {infos[0]["device"]: infos[0]["conditions"]},
    }
    return Result(about, rows)


def _row(info: Mapping[str, Any], seconds: list[float]) -> Row:
    names = ("model", "task", "runtime", "device", "batch", "steps", "rss_growth")
    fields: dict[str, Any] = {name: info.get(name) for name in names}
    calls = info.get("calls")
    if calls:  # thousands of single calls: what is asked of them is kept
        fields["p99"] = _four_digits(sorted(seconds)[len(seconds) * 99 // 100])
        rounds = [seconds[start : start + calls] for start in range(0, len(seconds), calls)]
        seconds = [statistics.median(single) for single in rounds]
    return Row(**fields, seconds=tuple(map(_four_digits, seconds)))


def _four_digits(value: float) -> float:
    """Rounds, which keeps the file short; no clock is more exact."""
    return float(f"{value:.4g}")


def joined(results: list[Result]) -> Result:
    """Returns the runs of several devices, which one command made one after the other, as one."""
    first, *others = results
    about = dict(first.about)
    for other in others:
        about["machine"] = {**about["machine"], **other.about["machine"]}
        about["conditions"] = {**about["conditions"], **other.about["conditions"]}
    return Result(about, [row for result in results for row in result.rows])


def write_result(result: Result, path: Path) -> None:
    """Writes a result, one row per line, so that a diff of two files can be read.

    Raises:
        UsageError: `path` cannot be written; then nothing half-written is left.
    """
    about = json.dumps(result.about, indent=1, allow_nan=False)
    lines = ",\n".join("  " + json.dumps(_plain(row)) for row in result.rows)
    text = about[:-2] + f',\n "rows": [\n{lines}\n ]\n}}\n'
    write_text(path, text, "--json")


def _plain(row: Row) -> dict[str, Any]:
    fields = {name: value for name, value in dataclasses.asdict(row).items() if value is not None}
    return with_file_keys(fields)


def with_file_keys(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the fields of a row, or of a profile, under the keys that they have in files."""
    return {_KEYS.get(name, name): value for name, value in fields.items()}


def with_field_names(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what a file holds of a row, or of a profile, under the names of its fields."""
    names = {key: name for name, key in _KEYS.items()}
    return {names.get(key, key): value for key, value in fields.items()}


def read_result(path: Path) -> Result:
    """Reads what `write_result` wrote.

    Raises:
        DataError: the file is missing, or is no result of `pairs bench`.
    """
    document = _parsed(path)
    found = document.get("format") if isinstance(document, dict) else None
    if found != FORMAT:
        raise DataError(
            f"{path}: expected a result of format {FORMAT}, found format {_shown(found)}"
        )
    problem = best_match(Draft202012Validator(FORM).iter_errors(document))
    if problem:
        raise DataError(f"{path}: expected what `pairs bench` writes, found {_described(problem)}")
    rows = [_read_row(fields) for fields in document.pop("rows")]
    return Result(document, rows)


def _read_row(fields: Mapping[str, Any]) -> Row:
    seconds = tuple(map(float, fields["seconds"]))
    return Row(**{"batch": None, **with_field_names(fields), "seconds": seconds})


def _parsed(path: Path) -> Any:
    """Reads JSON in which every number is finite."""

    def refuse(text: str) -> None:
        raise ValueError(f"a number that is not finite, {text}")

    try:
        if not path.is_file():
            raise DataError(f"{path}: expected a result, found none")
        return json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)
    except OSError as error:
        raise DataError(f"{path}: expected a result, found none: {error.strerror}") from error
    except RecursionError as error:
        raise DataError(f"{path}: expected a result in JSON, found a deep nesting") from error
    except ValueError as error:
        raise DataError(f"{path}: expected a result in JSON, found: {error}") from error


def _described(problem: ValidationError) -> str:
    """Says what is of another form, where, and what would be right."""
    place = "".join(f"[{key!r}]" for key in problem.absolute_path) or "the file"
    if problem.validator == "required":
        missing = [name for name in problem.validator_value if name not in problem.instance]
        return f"no {', '.join(missing)} in {place}"
    if problem.validator == "additionalProperties" and problem.validator_value is False:
        unknown = [name for name in problem.instance if name not in problem.schema["properties"]]
        return f"{_shown(unknown[0])} in {place}"
    rule = f"{problem.validator}: {_shown(problem.validator_value)}"
    return f"{_shown(problem.instance)} as {place} ({rule})"


def _shown(value: Any) -> str:
    try:
        text = repr(value)
    except ValueError:  # a number of more digits than Python prints
        text = "a number of too many digits"
    return text if len(text) <= 40 else text[:40] + "..."
