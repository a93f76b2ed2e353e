"""Which tests stay together on one worker of pytest-xdist, and which begin first.

The tests of a file share its fixtures, so a file is one unit of work. A file whose tests of one
model share nothing with those of another is a unit for each model. Units are handed out in order,
the longest first: else one worker would begin a long unit when the others are done.
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
# In this order; units of one model as FILE::MODEL. All that is not here takes less than a minute.
LONGEST = (
    "tests/tools/parity/test_parity.py::cnn",
    "tests/tools/parity/test_parity.py::residual_network",
    "tests/tools/workers/test_worker_faults.py",
    "tests/guide/test_guide_own_model.py",
    "tests/tools/checkpoint_conversion/test_many_models.py",
    "tests/tools/test_run_command.py",
    "tests/project/test_mutants.py",
    "tests/tools/parity/test_parity.py",
    "tests/tools/workers/test_several_workers.py",
    "tests/pairs/test_every_flag.py::cnn",
    "tests/pairs/test_every_flag.py::residual_network",
    "tests/pairs/test_full_training.py",
    "tests/tools/workers/test_launcher.py",
    "tests/pairs/test_one_rounding.py",
    "tests/tools/check/test_planted.py",
    "tests/tools/check/test_ports.py",
    "tests/tools/check/test_live_check.py",
    "tests/checkpoints/test_checkpoint_training.py",
    "tests/guide/test_snippets.py",
    "tests/guide/test_guide_ladder.py",
    "tests/pairs/test_every_flag.py",
    "tests/pairs",
)


def unit_of(nodeid: str) -> str:
    """Returns the unit of work that a test belongs to: its file, or FILE::MODEL.

    Args:
        nodeid: pytest's name of the test, such as FILE::test_name[cnn-7].
    """
    file, _, test = nodeid.partition("::")
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
