"""The pictures of a result, as SVG and PNG."""

from __future__ import annotations

import statistics
from pathlib import Path

import matplotlib

from benchmarks.results import LABELS, Result, Row, is_limit, short
from benchmarks.runtimes import DEFAULTS, REFERENCE, RUNTIMES
from shared.atomic_files import write_whole

matplotlib.use("Agg")  # draws into files, needs no display
import matplotlib.pyplot as plt

# Okabe and Ito's colours, which colour-blind readers can tell apart; shapes tell them apart too.
_FAMILIES = {
    "session": ("TensorFlow 1 style", "#D55E00"),
    "function": ("TensorFlow 2 style", "#0072B2"),
    "fit": ("Keras fit", "#E69F00"),
    "peer": ("not TensorFlow", "#999999"),
}
_LINES = {
    REFERENCE: ("#D55E00", "o", "-"),
    "function": ("#56B4E9", "s", "--"),
    **dict.fromkeys(DEFAULTS.values(), ("#0072B2", "^", "-")),  # a model has one of them
    "many-steps-xla": ("#009E73", "D", "-."),
    "function-xla": ("#009E73", "D", "-."),
}


def draw_all(result: Result, stem: Path) -> list[Path]:
    """Draws what the result has rows for; returns the files, `stem` and a name each."""
    written = []
    for device in result.about["conditions"]:
        ending = "" if device == "cpu" else f"-{device}"
        if result.select("train", device=device):
            written += save_picture(_ratios(result, device), stem, f"ratios{ending}", result.digest)
        if result.select("train by batch", device=device):
            written += save_picture(
                _batches(result, device), stem, f"batches{ending}", result.digest
            )
    return written


def save_picture(figure: plt.Figure, stem: Path, name: str, digest: str) -> list[Path]:
    """Writes a figure as `stem`-`name`.svg and .png, with the digest of what it shows."""
    paths = [stem.with_name(f"{stem.name}-{name}.{kind}") for kind in ("svg", "png")]
    # Without a date and with fixed ids, the same result gives the same file.
    with matplotlib.rc_context({"svg.hashsalt": "pairs", "svg.fonttype": "path"}):
        about = {"Date": None, "Description": digest}
        write_whole(paths[0], lambda path: figure.savefig(path, metadata=about), "--json")
    about = {"Description": digest}
    write_whole(paths[1], lambda path: figure.savefig(path, dpi=110, metadata=about), "--json")
    plt.close(figure)
    return paths


def _models(result: Result, task: str, device: str) -> list[str]:
    return list(dict.fromkeys(row.model for row in result.select(task, device=device)))


def panels(count: int, height: float) -> tuple[plt.Figure, list[plt.Axes]]:
    """Returns a figure of `count` panels in two columns, each `height` inches high."""
    columns = min(2, count)
    lines = -(-count // columns)
    size = (5.6 * columns, height * lines + 0.6)
    figure, grid = plt.subplots(lines, columns, figsize=size, squeeze=False, layout="constrained")
    for unused in grid.flat[count:]:
        unused.set_visible(False)
    return figure, list(grid.flat[:count])


def _ratios(result: Result, device: str) -> plt.Figure:
    """Draws a panel per model: each runtime's speed as a ratio to the Session, with its spread."""
    models = _models(result, "train", device)
    figure, places = panels(len(models), 5.0)
    for axes, model in zip(places, models, strict=True):
        _draw_ratios(axes, result, model, device)
    handles = [
        plt.Line2D([], [], color=color, lw=8, label=name) for name, color in _FAMILIES.values()
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=4, frameon=False)
    figure.suptitle(f"Training steps per second, as a multiple of the Session's ({device})")
    return figure


def _draw_ratios(axes: plt.Axes, result: Result, model: str, device: str) -> None:
    rows = [row for row in result.select("train", model, device) if not is_limit(row)]
    found = [(row, ratio) for row in rows if (ratio := result.speed_ratio(row))]
    found.sort(key=lambda pair: pair[1].median)
    for place, (row, ratio) in enumerate(found):
        color = _FAMILIES[_family(row)][1]
        axes.barh(place, ratio.median - 1, left=1, color=color, height=0.7)
        axes.hlines(place, ratio.low, ratio.high, color="black", lw=1)
        end, side = (ratio.high, "left") if ratio.median >= 1 else (ratio.low, "right")
        text = f" {short(ratio.median)} "
        axes.text(end, place, text, va="center", ha=side, fontsize=8)
    axes.axvline(1, color="black", lw=0.8)
    axes.set_xscale("log")
    axes.set_yticks(range(len(found)), [LABELS[row.runtime] for row, _ in found], fontsize=8)
    low, high = axes.get_xlim()
    axes.set_xlim(low / 2.5, high * 2.5)
    axes.set_xlabel(
        "speed, Session with feed_dict = 1 (log); line: lowest to highest round", fontsize=8
    )
    axes.set_title(f"{model}, batch {rows[0].batch}", fontsize=10)
    axes.grid(axis="x", alpha=0.3)


def _family(row: Row) -> str:
    runtime = next(runtime for runtime in RUNTIMES if runtime.name == row.runtime)
    if runtime.is_peer:
        return "peer"
    if runtime.module.endswith("fits"):
        return "fit"
    return "session" if runtime.module.endswith("sessions") else "function"


def _batches(result: Result, device: str) -> plt.Figure:
    """Draws a panel per model: the time of a step against the batch size, and the floor."""
    models = _models(result, "train by batch", device)
    figure, places = panels(len(models), 4.0)
    for axes, model in zip(places, models, strict=True):
        _draw_batches(axes, result, model, device)
    figure.suptitle(f"Time of a training step against the batch size ({device})")
    return figure


def _draw_batches(axes: plt.Axes, result: Result, model: str, device: str) -> None:
    rows = result.select("train by batch", model, device)
    for runtime in dict.fromkeys(row.runtime for row in rows if not is_limit(row)):
        color, marker, line = _LINES[runtime]
        own = [row for row in rows if row.runtime == runtime]
        points = [(row.batch, statistics.median(row.seconds)) for row in own]
        axes.plot(
            *zip(*sorted(points), strict=True),
            color=color,
            marker=marker,
            ls=line,
            ms=4,
            label=LABELS[runtime],
        )
    floors = {row.batch: result.floor(row) for row in rows}
    floor = [(batch, statistics.median(times)) for batch, times in sorted(floors.items()) if times]
    if floor:
        axes.plot(*zip(*floor, strict=True), color="black", ls=":", lw=1.5, label="floor")
    axes.set(xscale="log", yscale="log", xlabel="batch size, examples", ylabel="seconds per step")
    batches = sorted({row.batch for row in rows if row.batch})
    axes.set_xticks(batches, [f"{batch:,}" for batch in batches])
    axes.minorticks_off()
    axes.set_title(model, fontsize=10)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
