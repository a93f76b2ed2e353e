"""What `pairs bench` prints: a table per model, and lines that say what to read off it."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.results import LABELS, Ratio, Result, Row, duration, is_limit, short
from benchmarks.runtimes import DEFAULTS, RUNTIMES

_BAR = 10
TITLES = {
    "evaluate": "Evaluation of all test examples",
    "predict": "Prediction of one example",
    "save": "Saving a checkpoint",
    "restore": "Restoring a checkpoint",
    "startup import": "Start-up: importing TensorFlow",
    "startup build": "Start-up: building the model",
    "startup first step": "Start-up: the first call, which traces",
}
_TENSORFLOW_2 = {runtime.name for runtime in RUNTIMES if runtime.optimizer}


def print_report(result: Result, console: Console) -> None:
    """Prints everything that was measured; lines fit 80 columns."""
    for line in about_lines(result):
        console.print(line, highlight=False)
    for device in result.about["conditions"]:
        for model in dict.fromkeys(row.model for row in result.select("train")):
            console.print()
            console.print(training_table(result, model, device))
            for line in training_lines(result, model, device):
                console.print(line, highlight=False)
    for model in dict.fromkeys(row.model for row in result.select("train by batch")):
        for line in gpu_lines(result, model):
            console.print(line, highlight=False)
    console.print()
    for table in other_tables(result):
        console.print(table)
        console.print()


def about_lines(result: Result) -> Iterator[str]:
    """Yields lines on the machine, the command, the versions and the conditions."""
    about = result.about
    machine = about["machine"]
    yield f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB"
    yield f"{about['command']}  (finished {about['finished']})"
    names = [name for name in about["versions"] if name != "pytest-benchmark"]
    versions = [f"{name} {about['versions'][name]}" for name in names]
    yield ", ".join(versions[:4])
    if versions[4:]:
        yield ", ".join(versions[4:])
    for device, conditions in about["conditions"].items():
        shown = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in conditions.items())
        yield f"{device}: {shown}"


def training_table(result: Result, model: str, device: str) -> Table:
    """Returns the table of the runtimes that train a model, the fastest first."""
    rows = [row for row in result.select("train", model, device) if not is_limit(row)]
    rows.sort(key=lambda row: _slowness(result, row))
    title = f"{model}: a training step at batch {rows[0].batch}, {device}"
    table = plain_table(title)
    table.add_column("runtime", no_wrap=True)
    for heading in ("time", "speed", "spread", "floors"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("speed, log", no_wrap=True)
    speeds = [_median(result.speed_ratio(row)) for row in rows]
    for row, speed in zip(rows, speeds, strict=True):
        ratio = result.speed_ratio(row)
        table.add_row(
            LABELS[row.runtime],
            duration(statistics.median(row.seconds)),
            f"{short(ratio.median)}x" if ratio else "-",
            _spread(ratio),
            _floors(result.over_floor(row)),
            bar(speed, speeds),
            style="bold" if row.runtime == DEFAULTS.get(row.model) else "",
        )
    return table


def training_lines(result: Result, model: str, device: str) -> Iterator[str]:
    """Yields the fastest runtime of TensorFlow 2, and which one is at other batch sizes."""
    rows = [row for row in result.select("train", model, device) if row.runtime in _TENSORFLOW_2]
    if rows:
        best = min(rows, key=lambda row: _slowness(result, row))
        yield f"fastest in TensorFlow 2: {LABELS[best.runtime]}"
    yield from crossing_lines(result, model, device)


def crossing_lines(result: Result, model: str, device: str) -> Iterator[str]:
    """Yields the fastest runtime at each batch size, a line for each range of sizes."""
    stretches: list[tuple[str, int, int]] = []
    by_batch: dict[int, list[Row]] = {}
    for row in result.select("train by batch", model, device):
        if not is_limit(row) and row.batch:
            by_batch.setdefault(row.batch, []).append(row)
    for batch, rows in sorted(by_batch.items()):
        best = min(rows, key=lambda row: _slowness(result, row)).runtime
        if stretches and stretches[-1][0] == best:
            stretches[-1] = (best, stretches[-1][1], batch)
        else:
            stretches.append((best, batch, batch))
    for runtime, first, last in stretches:
        batches = f"{first:,}" if first == last else f"{first:,} to {last:,}"
        yield f"  fastest of four at batch {batches}: {LABELS[runtime]}"


def gpu_lines(result: Result, model: str) -> Iterator[str]:
    """Yields from what batch size the GPU wins, with the fastest runtime of each device."""
    fastest = {device: _fastest_by_batch(result, model, device) for device in ("cpu", "gpu")}
    batches = sorted(fastest["cpu"].keys() & fastest["gpu"].keys())
    if not batches:
        return
    losing = [batch for batch in batches if fastest["gpu"][batch] >= fastest["cpu"][batch]]
    winning = [batch for batch in batches if not losing or batch > losing[-1]]
    where = f"from batch {winning[0]:,} on" if winning else f"not up to batch {batches[-1]:,}"
    yield f"{model}: the GPU wins {where}"


def _fastest_by_batch(result: Result, model: str, device: str) -> dict[int, float]:
    fastest: dict[int, float] = {}
    for row in result.select("train by batch", model, device):
        if row.batch and not is_limit(row):
            time = statistics.median(row.seconds)
            fastest[row.batch] = min(time, fastest.get(row.batch, time))
    return fastest


def other_tables(result: Result) -> Iterator[Table]:
    """Yields a table for each task but training."""
    for task, title in TITLES.items():
        rows = result.select(task)
        if rows:
            yield _other_table(result, rows, title)
    rows = result.select("length")
    if rows:
        yield _length_table(rows)


def _other_table(result: Result, rows: list[Row], title: str) -> Table:
    has_p99 = any(row.p99 for row in rows)
    table = plain_table(title)
    table.add_column("model", no_wrap=True)
    table.add_column("runtime", no_wrap=True)
    for heading in (*(("p50", "p99") if has_p99 else ("time",)), "speed", "spread"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        times = [statistics.median(row.seconds), *([row.p99] if row.p99 else [])]
        ratio = result.speed_ratio(row)
        speed = [f"{short(ratio.median)}x", ratio.spread] if ratio else ["-", "-"]
        table.add_row(row.model, LABELS[row.runtime], *map(duration, times), *speed)
    return table


def plain_table(title: str) -> Table:
    """Returns a table without columns, in the style of all of these reports."""
    return Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        padding=(0, 1, 0, 0),
    )


def _length_table(rows: list[Row]) -> Table:
    title = "A longer run: time per step, and growth of the process"
    table = plain_table(title)
    for heading in ("model", "runtime", "steps", "time", "grown by"):
        is_text = heading in ("model", "runtime")
        table.add_column(heading, justify="left" if is_text else "right", no_wrap=True)
    for row in rows:
        grown = f"{(row.rss_growth or 0) / 2**20:.1f} MiB"
        time = duration(statistics.median(row.seconds))
        table.add_row(row.model, LABELS[row.runtime], f"{row.steps:,}", time, grown)
    return table


def _spread(ratio: Ratio | None) -> str:
    return ratio.spread if ratio else "-"


def _floors(ratio: Ratio | None) -> str:
    return short(ratio.median) if ratio else "-"


def _median(ratio: Ratio | None) -> float:
    return ratio.median if ratio else 1.0


def _slowness(result: Result, row: Row) -> float:
    ratio = result.speed_ratio(row)
    return 1 / ratio.median if ratio else statistics.median(row.seconds)


def bar(value: float, values: list[float]) -> str:
    """Returns a bar that grows with the logarithm of `value`, which is one of `values`."""
    lowest, highest = min(values), max(values)
    if lowest == highest:
        return "█"
    share = math.log(value / lowest) / math.log(highest / lowest)
    return "█" * (1 + round(share * (_BAR - 1)))
