"""`pairs run`: trains every model in both styles and says whether they agree."""

from __future__ import annotations

import argparse
import dataclasses
import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.errors import UsageError
from shared.models import IMAGES, PAIRS, WHOLE_SETS, Pair, Variant, pairs_named
from shared.program.settings import count

if TYPE_CHECKING:
    from rich.console import Console

    from shared.program.progress import TrainingResult
    from shared.tools.run.verdict import Verdict


@dataclasses.dataclass(frozen=True)
class Run:
    """One trained variant of a pair and how it compares with the pair's first."""

    pair: Pair
    variant: Variant
    config: Any
    result: TrainingResult
    verdict: Verdict | None  # None for the first, which the others are compared with

    def label(self) -> str:
        """Style and optimizer, as in plots and tables."""
        return f"{self.variant.style[:3].upper()} {self.variant.label}"


def add_parser(subparsers: Any) -> None:
    """Adds the sub-command `run`."""
    parser = subparsers.add_parser(
        "run",
        help="train models in both styles and compare them",
        description=(
            "Trains each model in both styles from the same initial values on the same batches, "
            "prints what came out and whether it is the same, and leaves summary.json, "
            "checkpoints and plots in a folder. Exit code 1 when a pair disagrees beyond its "
            "bound."
        ),
    )
    parser.add_argument(
        "models", nargs="*", metavar="MODEL", help=f"{', '.join(PAIRS)} (default: all)"
    )
    parser.add_argument(
        "--data",
        default="sample",
        help="images: sample, mnist (the digits), fashion (the clothes; the other models keep the "
        "sample), a folder with the four IDX files or an .npz file (default: sample)",
    )
    parser.add_argument(
        "--steps",
        type=count,
        metavar="N",
        help="steps of each model (default: each its own, which the table shows)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="new or empty folder for the results (default: runs/ and the time)",
    )
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    """Runs the sub-command; returns 1 when a pair disagrees beyond its bound."""
    pairs = pairs_named(arguments.models)
    from rich.console import Console

    import shared.tensorflow_loading  # noqa: F401  before TensorFlow is imported

    console = Console()
    images = _images_of(pairs, arguments.data)
    out = _results_folder(arguments.out)
    runs = list(_train_all(pairs, arguments.data, arguments.steps, out, console))
    from shared.tools.run import report as run_report

    run_report.write_summary(runs, arguments.data, out)
    run_report.write_plots(runs, images, out / "plots")
    run_report.print_table(runs, console)
    console.print(f"summary.json, checkpoints and plots are in {out}", soft_wrap=True)
    return 0 if all(run.verdict is None or run.verdict.within_bound for run in runs) else 1


def _results_folder(given: Path | None) -> Path:
    now = datetime.datetime.now().strftime("%Y-%m-%d-%H%M%S")
    out = given or Path("runs") / now
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"--out {out}: expected a new or empty folder, found one in use")
    try:
        (out / "plots").mkdir(parents=True)
    except OSError as error:
        raise UsageError(f"--out {out}: cannot be made: {error.strerror}") from error
    return out


def _images_of(pairs: list[Pair], source: str) -> dict[str, Any]:
    """Loads what the pairs are trained on, by `data`; whatever is wrong with it shows now."""
    kinds = {pair.data for pair in pairs} & set(IMAGES)
    return {kind: IMAGES[kind](_source_for(kind, pairs, source)) for kind in sorted(kinds)}


def _source_for(kind: str, pairs: list[Pair], source: str) -> str:
    """The name of a whole set is for the models that learn it; beside them, others have samples."""
    owner = WHOLE_SETS.get(source, kind)
    is_of_another = owner != kind and any(pair.data == owner for pair in pairs)
    return "sample" if is_of_another else source


def _train_all(
    pairs: list[Pair], data: str, steps: int | None, out: Path, console: Console
) -> Iterator[Run]:
    from shared.tools.run.live_progress import LiveProgress, progress_bars
    from shared.tools.run.verdict import compare_runs

    verdict: Verdict | None
    with progress_bars(console) as bars:
        for pair in pairs:
            reference: TrainingResult | None = None
            for variant in pair.variants:
                module = pair.module(variant.style)
                source = _source_for(pair.data, pairs, data)
                config = _config(module, pair, variant, source, steps, out)
                style = f"{variant.style[:3].upper()} {variant.label}"
                result = module.PROGRAM.train(
                    config, LiveProgress(console, bars, f"{pair.name} {style}")
                )
                if reference is None:
                    verdict, reference = None, result
                else:
                    verdict = compare_runs(reference, result, variant.bound)
                yield Run(pair, variant, config, result, verdict)


def _config(
    module: Any, pair: Pair, variant: Variant, data: str, steps: int | None, out: Path
) -> Any:
    folder = "_".join(filter(None, [variant.style, variant.optimizer]))
    given: dict[str, Any] = {"checkpoint_dir": str(out / "checkpoints" / pair.name / folder)}
    if steps or pair.run_steps:
        given["steps"] = steps or pair.run_steps
    if pair.data in IMAGES:
        given["data"] = data
    if variant.optimizer:
        given["optimizer"] = variant.optimizer
    return module.Config(**given)
