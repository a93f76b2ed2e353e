"""The pictures of `pairs run`: loss curves, parameters on their way, fitted lines, images seen."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib
import numpy as np

from shared.atomic_files import write_whole
from shared.data.regression_points import Line
from shared.program.progress import TrainingResult

matplotlib.use("Agg")  # draws into files, needs no display
import matplotlib.pyplot as plt

# Okabe and Ito's colours, which colour-blind readers can tell apart.
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#999999"
# The first is drawn wide and pale, so that the others, drawn on it, do not hide it.
_LINES: list[dict] = [
    {"color": "#9ecae1", "linewidth": 6},
    {"color": BLUE, "linewidth": 1.6},
    {"color": ORANGE, "linewidth": 1.6, "linestyle": (0, (2, 2))},
]


def plot_losses(title: str, runs: Mapping[str, TrainingResult], path: Path) -> None:
    """Draws the loss of every step of each run over each other, by the run's label."""
    figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
    for style, (label, result) in zip(_LINES, runs.items(), strict=False):
        axes.plot(np.arange(1, len(result.losses) + 1), result.losses, label=label, **style)
    axes.set(title=title, xlabel="step", ylabel="loss of the batch", yscale="log")
    axes.grid(alpha=0.3)
    axes.legend()
    _save(figure, path)


def plot_parameters(
    title: str,
    runs: Mapping[str, TrainingResult],
    start: Mapping[str, float],
    true: Mapping[str, float],
    path: Path,
) -> None:
    """Draws weight and bias on their way from `start` to the `true` values, which are dashed."""
    figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
    for name, color in (("weight", BLUE), ("bias", ORANGE)):
        for (label, result), wide in zip(runs.items(), (True, False), strict=False):
            steps = [0, *result.reported["step"]]
            values = [start[name], *result.reported[name]]
            width, alpha = (6, 0.35) if wide else (1.6, 1.0)
            axes.plot(
                steps, values, color=color, linewidth=width, alpha=alpha, label=f"{name}, {label}"
            )
        axes.axhline(true[name], color=color, linestyle="--", linewidth=1, label=f"true {name}")
    axes.set(title=title, xlabel="step", ylabel="value")
    axes.grid(alpha=0.3)
    axes.legend(ncols=2, fontsize="small")
    _save(figure, path)


def plot_fit(
    title: str,
    line: Line,
    predictions: Mapping[str, tuple[np.ndarray, np.ndarray]],
    path: Path,
) -> None:
    """Draws the fitted line of each run over the points; `predictions` holds x and y by label."""
    figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
    shown = slice(None, None, max(1, len(line.inputs) // 1000))
    axes.plot(
        line.inputs[shown], line.targets[shown], ".", color=GREY, markersize=3, label="points"
    )
    for style, (label, (inputs, values)) in zip(_LINES, predictions.items(), strict=False):
        axes.plot(inputs, values, label=label, **style)
    axes.set(title=title, xlabel="x", ylabel="y")
    axes.grid(alpha=0.3)
    axes.legend()
    _save(figure, path)


def plot_images(
    title: str, images: np.ndarray, truths: Sequence[str], predicted: Sequence[str], path: Path
) -> None:
    """Draws images [n, 784] with what was seen in them, [n] names; wrong ones are marked."""
    columns = min(10, len(predicted))
    size = 8 if max(map(len, truths)) < 3 else 6
    rows = -(-len(predicted) // columns)
    # All in one system of axes: Matplotlib takes five times as long for one around each image.
    figure, axes = plt.subplots(figsize=(7, 0.95 * rows + 0.5), layout="constrained")
    for index, (found, truth) in enumerate(zip(predicted, truths, strict=True)):
        left, top = index % columns * 1.12, index // columns * 1.55
        color = GREEN if found == truth else ORANGE
        frame = GREY if found == truth else ORANGE
        text = found if found == truth else f"{found}, is {truth}"
        axes.imshow(
            images[index].reshape(28, 28), cmap="gray_r", extent=(left, left + 1, top + 1, top)
        )
        width = 0.5 if found == truth else 2.5
        axes.add_patch(plt.Rectangle((left, top), 1, 1, fill=False, color=frame, linewidth=width))
        axes.text(
            left + 0.5,
            top - 0.05,
            textwrap.fill(text, 12),
            fontsize=size,
            color=color,
            weight="normal" if found == truth else "bold",
            horizontalalignment="center",
            verticalalignment="bottom",
        )
    axes.set(xlim=(-0.05, columns * 1.12 - 0.07), ylim=(rows * 1.55 - 0.5, -0.4))
    axes.set_axis_off()
    figure.suptitle(title, fontsize=10)
    _save(figure, path)


def _save(figure: plt.Figure, path: Path) -> None:
    try:
        write_whole(path, lambda partial: figure.savefig(partial, dpi=120), "--out")
    finally:
        plt.close(figure)
