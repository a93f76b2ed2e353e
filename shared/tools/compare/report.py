"""Show a comparison of two traces: as text with a table, and as a picture."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from shared.program.display import shown, shown_markup
from shared.tools.compare.result import (
    DIFFERS,
    NOT_COMPARABLE,
    Comparison,
    Elements,
    FirstDifference,
    Growth,
)
from shared.trace_recorder import STAGES

if TYPE_CHECKING:
    from rich.table import Table

_TABLE_ROWS = 12
_REASONS_SHOWN = 8
_PLOT_POINTS = 5000  # more than a picture has pixels across
# Okabe and Ito's colours, which colour-blind readers can tell apart (jfly.uni-koeln.de/color).
_BLUE, _ORANGE, _GREEN = "#0072B2", "#D55E00", "#009E73"


def lines(comparison: Comparison, metas: tuple[dict[str, Any], dict[str, Any]]) -> list[str]:
    """Say what was compared and found; without the table of growth."""
    labels = zip("AB", comparison.paths, metas, strict=True)
    text = [f"{side}: {path}  ({_describe(meta)})" for side, path, meta in labels]
    text.append(_headline(comparison))
    first = comparison.first_difference
    if first is not None:
        text += [f"  {line}" for line in _first_difference(first)]
    reasons = [f"  {reason.message}" for reason in comparison.reasons]
    text += reasons[:_REASONS_SHOWN]
    if len(reasons) > _REASONS_SHOWN:
        text.append(f"  and {len(reasons) - _REASONS_SHOWN} more such reasons")
    text += [f"  {line}" for line in _coverage(comparison)]
    text += [f"note: {note}" for note in comparison.notes]
    text += [f"hint: {hint}" for hint in comparison.hints]
    return [line[: len(line) - len(line.lstrip())] + shown(line.lstrip(), None) for line in text]


def _describe(meta: dict[str, Any]) -> str:
    versions = meta.get("versions")
    versions = versions if isinstance(versions, dict) else {}
    tensorflow = versions.get("tensorflow")
    words = [meta.get("model"), meta.get("style"), meta.get("runtime")]
    words.append(f"TensorFlow {tensorflow}" if tensorflow else f"NumPy {versions.get('numpy')}")
    return ", ".join(str(word) for word in [*words, meta.get("device")] if word)


def _headline(comparison: Comparison) -> str:
    first = comparison.first_difference
    if first is not None:
        name = "" if first.tensor == first.stage else f" {first.tensor}"
        seen = "first seen" if comparison.norms_only else "first"
        return f"{comparison.outcome}: {seen} at step {first.step}, {first.stage}{name}"
    if comparison.outcome == NOT_COMPARABLE:
        return comparison.outcome
    limit = ", as far as elements were kept" if comparison.norms_only else ""
    return f"{comparison.outcome}: {comparison.criterion}{limit}"


def _first_difference(first: FirstDifference) -> Iterator[str]:
    if first.elements is not None:
        yield from _elements(first.elements)
    else:
        steps = list(first.record_steps)
        yield f"norms: {first.norms[0]!r} in A, {first.norms[1]!r} in B"
        yield (
            "its elements were not kept in both; record both again with "
            f"--trace-steps {','.join(map(str, steps))} (own code: TraceRecorder(steps={steps}))"
        )
    if first.also:
        yield f"also at this step: {first.stage} {', '.join(first.also)}"


def _elements(found: Elements) -> Iterator[str]:
    place = f"worst element {list(found.index)}" if found.index else "values"
    yield f"{place}: {found.values[0]} in A, {found.values[1]} in B"
    ulp = "no finite number of ULP" if found.ulp is None else f"{found.ulp:,} ULP"
    yield f"{ulp} apart; relative L2 {found.relative_l2:.3g}"
    if found.size > 1:
        most = "" if found.max_ulp is None else f", by at most {found.max_ulp:,} ULP"
        yield f"{found.differing:,} of {found.size:,} elements differ in bits{most}"


def _coverage(comparison: Comparison) -> Iterator[str]:
    if comparison.step_range is None or comparison.outcome == NOT_COMPARABLE:
        return
    first, last = comparison.step_range
    rule = f"; the rule: {comparison.criterion}" if comparison.outcome == DIFFERS else ""
    yield (
        f"compared: {comparison.steps:,} steps ({first} to {last}), {comparison.tensors} tensors, "
        f"{comparison.values:,} values{rule}"
    )
    if comparison.stages != STAGES or comparison.ignored:
        without = f" without {', '.join(comparison.ignored)}" if comparison.ignored else ""
        yield f"only these, as asked: {', '.join(comparison.stages)}{without}"
    if not comparison.bitwise:
        ulp = "" if comparison.max_ulp is None else f", {comparison.max_ulp:,} ULP"
        loss = comparison.max_relative_loss
        of_loss = "" if loss is None else f"; relative loss {loss:.3g}"
        yield f"largest seen: relative L2 {comparison.max_relative_l2:.3g}{ulp}{of_loss}"
    if comparison.norms_only:
        yield (
            f"at {comparison.norms_only:,} of the {comparison.values:,} values bits differ and "
            "elements were not kept: only their norms were checked, which can refute but not "
            "prove; --trace-every K keeps the elements of every K-th step"
        )


def has_growth(comparison: Comparison) -> bool:
    """Whether there is a difference to follow over the steps."""
    return comparison.outcome != NOT_COMPARABLE and not comparison.bitwise


def growth_table(comparison: Comparison) -> Table | None:
    """Tabulate how the difference grows, in at most 12 log-spaced steps, for 80 columns."""
    from rich.table import Table

    growth = comparison.growth
    if growth is None or not has_growth(comparison):
        return None
    table = Table("step", title="relative difference, |B - A| / |A|", title_justify="left")
    for title in ("loss of A", "loss", "largest norm", "largest L2"):
        table.add_column(title, justify="right")
    table.add_column("of tensor", overflow="ellipsis", no_wrap=True)
    for position in growth.rows(_TABLE_ROWS, _start(comparison)):
        step = int(growth.steps[position])
        distance, tensor = growth.relative_l2.get(step, (None, growth.norm_tensor[position]))
        table.add_row(
            str(step),
            f"{growth.losses[0][position]:.6g}",
            f"{growth.loss[position]:.2g}",
            f"{growth.norm[position]:.2g}",
            "not kept" if distance is None else f"{distance:.2g}",
            shown_markup(tensor) if distance != 0 else "",
        )
    return table


def _start(comparison: Comparison) -> int | None:
    first = comparison.first_difference
    return None if first is None else first.step


def plot_growth(comparison: Comparison, path: str) -> None:
    """Draw how the difference grows over the steps, logarithmic, into a PNG, SVG or PDF file.

    Raises:
        OSError: the file cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    growth = comparison.growth
    if growth is None:
        raise ValueError("there is no growth to draw")
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    _draw(axes, growth)
    first = comparison.first_difference
    if first is not None:
        label = f"first difference: step {first.step}, {first.stage} {first.tensor}"
        axes.axvline(first.step, color="black", linestyle=":", linewidth=1, label=_plain(label))
    axes.set(xlabel="step", ylabel=r"relative difference $|B - A|\,/\,|A|$", yscale="log")
    names = [os.path.basename(path) for path in comparison.paths]
    axes.set_title(_plain(f"{names[1]} against {names[0]}"), fontsize=10)
    axes.grid(alpha=0.3)
    axes.legend(loc="best", fontsize=9)
    figure.savefig(path, dpi=150)


def _plain(text: str) -> str:
    return text.replace("$", r"\$")  # a dollar would begin a formula


def _draw(axes: Any, growth: Growth) -> None:
    kept = np.unique(np.linspace(0, len(growth.steps) - 1, _PLOT_POINTS).round().astype(int))
    whole = sorted(growth.relative_l2)
    series = [
        (growth.steps[kept], growth.loss[kept], _BLUE, "-", "loss"),
        (growth.steps[kept], growth.norm[kept], _ORANGE, "-", "norm of the worst tensor"),
        (
            np.array(whole),
            np.array([growth.relative_l2[step][0] for step in whole]),
            _GREEN,
            "o",
            "L2 of the worst tensor (where kept whole)",
        ),
    ]
    for steps, values, colour, style, label in series:
        shown = np.where(np.isfinite(values) & (values > 0), values, np.nan)  # a log has no zero
        axes.plot(steps, shown, style, color=colour, label=label, linewidth=1.2, markersize=5)
