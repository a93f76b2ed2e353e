"""Profiles of training steps as a table, a picture and a file; see benchmarks.step_profile."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from rich.console import Console

from benchmarks.pictures import panels, save_picture
from benchmarks.report import plain_table
from benchmarks.results import LABELS, duration, with_field_names, with_file_keys
from benchmarks.step_profile import Operation, Profile
from shared.atomic_files import write_text

FORMAT = 1
REST = "short operations, executor, call"
_SHOWN = 10  # operations, by name; the rest in one line


def lines_of(profile: Profile) -> list[tuple[str, float | None, float]]:
    """Returns what is shown of a profile: the name, the calls per step, the seconds per step."""
    shown, rest = profile.operations[:_SHOWN], profile.operations[_SHOWN:]
    lines: list[tuple[str, float | None, float]] = [
        (operation.type, operation.calls, operation.seconds) for operation in shown
    ]
    if rest:
        seconds = sum(operation.seconds for operation in rest)
        kinds = f"{len(rest)} other operations"
        lines.append((kinds, sum(operation.calls for operation in rest), seconds))
    return [*lines, (REST, None, profile.rest_seconds)]


def print_profiles(profiles: Sequence[Profile], console: Console) -> None:
    """Prints a table per model, at most 80 columns wide."""
    for profile in profiles:
        title = f"{profile.model}, batch {profile.batch}: {LABELS[profile.runtime]}"
        table = plain_table(title)
        table.add_column("operation", no_wrap=True)
        for heading in ("calls", "time", "share"):
            table.add_column(heading, justify="right", no_wrap=True)
        for name, calls, seconds in lines_of(profile):
            share = f"{100 * seconds / profile.profiled_seconds:.0f} %"
            shown = "-" if calls is None else f"{calls:.1f}"
            table.add_row(name, shown, duration(max(seconds, 0.0)), share)
        console.print(table)
        for line in _summary(profile):
            console.print(line, highlight=False)
        console.print()


def _summary(profile: Profile) -> Iterator[str]:
    yield (
        f"mean of {profile.steps:,} steps; the graph of one has "
        f"{profile.graph_operations} operations"
    )
    yield (
        f"together {duration(profile.profiled_seconds)}; "
        f"not profiled {duration(profile.seconds)}; floor {duration(profile.floor_seconds)}"
    )


def draw_profiles(profiles: Sequence[Profile], stem: Path, digest: str) -> list[Path]:
    """Draws a panel per model as `stem`-operations.svg and .png; returns the files."""
    figure, axes = panels(len(profiles), 3.4)
    for place, profile in zip(axes, profiles, strict=True):
        _draw(place, profile)
    figure.suptitle("Where the time of a training step goes, profiled (cpu)")
    return save_picture(figure, stem, "operations", digest)


def _draw(axes: plt.Axes, profile: Profile) -> None:
    lines = lines_of(profile)[::-1]
    total = sum(seconds for _, _, seconds in lines)
    colors = ["#999999" if name == REST else "#0072B2" for name, _, _ in lines]
    axes.barh(range(len(lines)), [100 * taken / total for *_, taken in lines], color=colors)
    for place, (_, _, seconds) in enumerate(lines):
        text = f" {duration(max(seconds, 0.0))}"
        axes.text(100 * seconds / total, place, text, va="center", fontsize=7)
    axes.set_yticks(range(len(lines)), [name for name, *_ in lines], fontsize=7)
    floor = 100 * profile.floor_seconds / total
    axes.axvline(floor, color="black", ls=":", lw=1.2, label=f"floor: {floor:.2g} %")
    axes.set_xlim(0, 1.25 * max(floor, *(100 * taken / total for *_, taken in lines)))
    axes.set_xlabel(f"share of a step of {duration(total)}, %", fontsize=8)
    title = f"{profile.model}, batch {profile.batch}: {LABELS[profile.runtime]}"
    axes.set_title(title, fontsize=9)
    axes.legend(fontsize=7, loc="center right")
    axes.grid(axis="x", alpha=0.3)


def write_profiles(profiles: Sequence[Profile], about: dict[str, Any], path: Path) -> None:
    """Writes the profiles and what they were made with as JSON, whole or not at all.

    Raises:
        UsageError: the file cannot be written.
    """
    document = {
        "format": FORMAT,
        **about,
        "profiles": [_plain(profile) for profile in profiles],
    }
    write_text(path, json.dumps(document, indent=1) + "\n", "--json")


def _plain(profile: Profile) -> dict[str, Any]:
    return with_file_keys(dataclasses.asdict(profile))


def read_profiles(path: Path) -> list[Profile]:
    """Reads what `write_profiles` wrote."""
    document = json.loads(path.read_text(encoding="utf-8"))
    return [
        Profile(
            **{
                **with_field_names(fields),
                "operations": tuple(Operation(**operation) for operation in fields["operations"]),
            }
        )
        for fields in document["profiles"]
    ]


def digest_of(profiles: Sequence[Profile]) -> str:
    """Returns a fingerprint by which a picture tells what it was drawn from."""
    text = json.dumps([_plain(profile) for profile in profiles])
    return hashlib.sha256(text.encode()).hexdigest()
