"""Which tests stay together on one worker of pytest-xdist, and which begin first.

The tests of a file share its fixtures, so a file is one unit of work. A file whose tests of one
model share nothing with those of another is a unit for each model, and one whose tests share
nothing but a browser is a unit for each test. Units are handed out in order, the longest first:
else one worker would begin a long unit when the others are done.
"""

from __future__ import annotations

from collections.abc import Iterable

from xdist.scheduler import LoadScopeScheduling

from shared.models import PAIRS

BY_MODEL = {
    "tests/pairs/test_every_flag.py",
    "tests/pairs/test_saved_model.py",
    "tests/pairs/test_scripts.py",
    "tests/pairs/test_summaries.py",
    "tests/pairs/test_float64.py",
    "tests/pairs/test_tf115.py",
    "tests/tools/parity/test_parity.py",
}
BY_TEST = {"tests/browser/test_pages.py", "tests/browser/test_pair_pages.py"}
# In this order; units of one model as FILE::MODEL. With --durations=1, pytest prints the seconds of
# each (tests/conftest.py); what is not here takes less than half a minute.
LONGEST = (
    "tests/tools/parity/test_parity.py::cnn",
    "tests/tools/checkpoint_conversion/test_many_models.py",
    "tests/benchmarks/test_benchmark_runtimes.py",
    "tests/tools/test_run_command.py",
    "tests/tools/workers/test_asynchronous_workers.py",
    "tests/guide/test_guide_own_model.py",
    "tests/pairs/test_one_rounding.py",
    "tests/tools/check/test_planted.py",
    "tests/pairs/test_full_training.py",
    "tests/tools/checkpoint_conversion/test_row_blocks.py",
    "tests/tools/parity/test_parity.py::relu_regression",
    "tests/project/test_mutants.py",
    "tests/project/test_any_file.py",
    "tests/tools/workers/test_worker_faults.py",
    "tests/pairs/test_broken_twins.py",
    "tests/tools/check/test_ports.py",
    "tests/pairs/test_training.py",
    "tests/checkpoints/test_checkpoint_training.py",
    "tests/pairs/test_class_alone.py",
    "tests/tools/parity/test_parity.py",
    "tests/pairs/test_float64.py::cnn",
    "tests/pairs/test_every_flag.py",
    "tests/pairs/test_scripts.py",
    "tests/checkpoints/test_checkpoint_faults.py",
    "tests/tools/checkpoint_conversion/test_checkpoint_map.py",
    "tests/pairs/test_estimator.py",
    "tests/pairs/test_adversarial.py",
    "tests/test_power_loss.py",
    "tests/pairs/test_residual_network.py",
    "tests/pairs/test_recurrent_network.py",
    "tests/guide/test_guide_ladder.py",
    "tests/pairs/test_keras_adam.py",
    "tests/tools/checkpoint_conversion/test_odd_checkpoints.py",
    "tests/pairs/test_transfer.py",
    "tests/tools/checkpoint_conversion/test_checkpoint_sources.py",
    "tests/tools/scan/test_scan_large.py",
    "tests/tools/workers/test_launcher.py",
    "tests/benchmarks/test_benchmark_growth.py",
    "tests/tools/record/test_stride.py",
    "tests/tools/check/test_live_check.py",
    "tests/tools/workers/test_several_workers.py",
    "tests/pairs",
)


def unit_of(nodeid: str) -> str:
    """Returns the unit of work that a test belongs to: its file, FILE::MODEL, or the test itself.

    Args:
        nodeid: pytest's name of the test, such as FILE::test_name[cnn-7].
    """
    file, _, test = nodeid.partition("::")
    if file in BY_TEST:
        return nodeid
    parameters = test.partition("[")[2].rstrip("]").split("-")
    models = [value for value in parameters if value in PAIRS]
    return f"{file}::{models[0]}" if file in BY_MODEL and models else file


class UnitScheduling(LoadScopeScheduling):
    """Hands out whole units of work.

    pytest-xdist's own `--dist loadgroup` adds the group to pytest's name of a test, which pytest
    9.2.0 ignores: each test then goes to any worker.
    """

    def _split_scope(self, nodeid: str) -> str:
        """Returns the unit of a test; pytest-xdist asks for it by this name."""
        return unit_of(nodeid)


def ordered(units: Iterable[str]) -> dict[str, int]:
    """Returns the place of each unit: those of `LONGEST` in its order, then the others as given."""

    def rank(unit: str) -> int:
        found = [n for n, first in enumerate(LONGEST) if unit.startswith(first)]
        return min(found, default=len(LONGEST))

    return {unit: place for place, unit in enumerate(sorted(dict.fromkeys(units), key=rank))}
