"""What `pairs run` leaves behind: the table, summary.json and the plots."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from rich.console import Console
from rich.table import Table

from shared.atomic_files import write_text
from shared.data.fashion import class_names
from shared.data.generated_images import nearest

if TYPE_CHECKING:
    from shared.tools.commands.run import Run


_Column = tuple[str, int, Literal["left", "right"]]
_COLUMNS: list[_Column] = [
    ("", 5, "left"),
    ("optimizer", 10, "left"),
    ("steps", 6, "right"),
    ("loss", 8, "right"),
    ("accuracy", 8, "right"),
    ("seconds", 7, "right"),
    ("steps/s", 7, "right"),
    ("verdict", 22, "left"),
]  # 80 columns with a space between each two
_CAPTION = (
    "loss, accuracy: means over all test examples, or points of a line;\n"
    "while a model trains, its loss is that of the last batch"
)


def print_table(runs: Sequence[Run], console: Console) -> None:
    """Prints one line a run, grouped by model; in 80 columns, or fewer in a narrow terminal."""
    columns = _columns(console.width)
    console.print(_table(columns, show_header=True))
    for name in dict.fromkeys(run.pair.name for run in runs):
        table = _table(columns, show_header=False)
        for run in runs:
            if run.pair.name == name:
                cells = _cells(run)
                table.add_row(*(cells[title] for title, _, _ in columns))
        console.print(f"[bold]{name}[/]")
        console.print(table)
    console.print(_CAPTION, style="dim")


def _columns(width: int) -> list[_Column]:
    """The columns that fit into so many letters; the least telling are left out first."""
    columns = list(_COLUMNS)
    for dispensable in ("seconds", "steps/s", "steps", "accuracy"):
        if sum(size + 1 for _, size, _ in columns) - 1 > width:
            columns = [column for column in columns if column[0] != dispensable]
    return columns


def _table(columns: Sequence[_Column], show_header: bool) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), show_header=show_header)
    for title, width, justify in columns:
        table.add_column(title, width=width, justify=justify, overflow="fold")
    return table


def _cells(run: Run) -> dict[str, str]:
    result = run.result
    accuracy = result.metrics.get("accuracy")
    return {
        "": f"  {run.variant.style[:3].upper()}",
        "optimizer": run.variant.label,
        "steps": f"{result.steps}",
        "loss": f"{result.metrics['loss']:.3g}",
        "accuracy": "-" if accuracy is None else f"{accuracy:.4f}",
        "seconds": f"{result.seconds:.2f}",
        "steps/s": f"{_rate(run):,.0f}",
        "verdict": _verdict(run),
    }


def _verdict(run: Run) -> str:
    if run.verdict is None:
        return "reference"
    color = "green" if run.verdict.within_bound else "bold red"
    return f"[{color}]{run.verdict.text()}[/]"


def _rate(run: Run) -> float:
    return len(run.result.losses) / run.result.seconds if run.result.seconds else 0.0


def write_summary(runs: Sequence[Run], data: str, out: Path) -> None:
    """Writes summary.json: `results`, an object a run, and `pairs`, an object a comparison.

    Raises:
        UsageError: it cannot be written.
    """
    summary = {
        "data": data,
        "results": [_result(run) for run in runs],
        "pairs": [_pair(run) for run in runs if run.verdict is not None],
    }
    write_text(out / "summary.json", json.dumps(summary, indent=2) + "\n", "--out")


def _result(run: Run) -> dict[str, Any]:
    return {
        "model": run.pair.name,
        "data": getattr(run.config, "data", None),
        "style": run.variant.style,
        "optimizer": run.variant.label,
        "steps": run.result.steps,
        "loss": run.result.metrics["loss"],
        "accuracy": run.result.metrics.get("accuracy"),
        "seconds": run.result.seconds,
        "steps_per_second": _rate(run),
        "checkpoint_dir": run.config.checkpoint_dir,
    }


def _pair(run: Run) -> dict[str, Any]:
    verdict = run.verdict
    assert verdict is not None
    return {
        "model": run.pair.name,
        "optimizer": run.variant.label,
        "bitwise": verdict.bitwise,
        "first_difference": verdict.first_difference,
        "max_relative_difference": verdict.max_relative_difference,
        "curve_difference": verdict.curve_difference,
        "bound": verdict.bound,
        "within_bound": verdict.within_bound,
    }


def write_plots(runs: Sequence[Run], images: Mapping[str, Any], folder: Path) -> None:
    """Draws the pictures of every model into `folder`; `images` are sets by the pairs' `data`."""
    from shared.tools.run import plots

    folder.mkdir(exist_ok=True)
    for name in dict.fromkeys(run.pair.name for run in runs):
        of_model = [run for run in runs if run.pair.name == name]
        title = name.replace("_", " ")
        results = {run.label(): run.result for run in of_model}
        plots.plot_losses(f"Loss: {title}", results, folder / f"{name}_loss.png")
        kind = of_model[0].pair.data
        if kind == "line":
            _plot_line(title, of_model, folder)
        elif kind == "noise":
            _plot_generated(title, of_model, images[kind], folder)
        elif kind in images:
            _plot_images(title, of_model, images[kind], folder)


def _plot_line(title: str, runs: Sequence[Run], folder: Path) -> None:
    from shared.tools.run import plots

    name, config = runs[0].pair.name, runs[0].config
    line = runs[0].pair.task.load(config)
    plots.plot_parameters(
        f"Weight and bias: {title}",
        {run.label(): run.result for run in runs[:2]},
        {"weight": config.initial_weight, "bias": config.initial_bias},
        {"weight": line.true_weight, "bias": line.true_bias},
        folder / f"{name}_parameters.png",
    )
    inputs = np.linspace(line.inputs.min(), line.inputs.max(), 100, dtype=np.float32)
    fits = {run.label(): (inputs, _predict(run, inputs)) for run in runs}
    plots.plot_fit(f"Fitted line: {title}", line, fits, folder / f"{name}_fit.png")


def _plot_images(title: str, runs: Sequence[Run], images: Any, folder: Path) -> None:
    from shared.tools.run import plots

    shown, labels = images.test_images[:40], images.test_labels[:40]
    is_clothes = runs[0].pair.data == "fashion"
    noun, names_of = ("clothes", class_names) if is_clothes else ("digits", _digits)
    truths = names_of(labels if is_clothes else labels.argmax(axis=1))
    for run in runs[:2]:  # the reference and the first of its twins
        path = folder / f"{run.pair.name}_{noun}_{run.variant.style[:3]}.png"
        text = f"Test {noun} as seen by {title}, {run.label()}; wrong ones framed"
        predicted = names_of(_predict(run, shown).argmax(axis=1))
        plots.plot_images(text, shown, truths, predicted, path)


def _plot_generated(title: str, runs: Sequence[Run], images: Any, folder: Path) -> None:
    from shared.tools.run import plots

    noise = runs[0].pair.task.test(images)[0][:40]
    for run in runs[:2]:
        generated = _predict(run, noise)
        rows, _ = nearest(generated, images.train_images)
        names = _digits(images.train_labels[rows].argmax(axis=1))
        path = folder / f"{run.pair.name}_digits_{run.variant.style[:3]}.png"
        text = f"Generated by {title}, {run.label()}; named by the nearest training image"
        plots.plot_images(text, generated, names, names, path)


def _digits(labels: np.ndarray) -> list[str]:
    return [str(label) for label in labels]


def _predict(run: Run, inputs: np.ndarray) -> np.ndarray:
    model = run.pair.program(run.variant.style).restored(run.config)
    return np.asarray(model.predict(inputs))
