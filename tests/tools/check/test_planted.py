"""Mistakes planted in ports are found where they are made, and no hint misleads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.tools.check.outcome import ROUNDING
from shared.tools.check.planted.programs import MISTAKES, PROGRAMS, Planted
from shared.tools.check.planted.table import NONE, RIGHT, WRONG, Checked, Row

# One program for the quick run, and two of its mistakes: each is run again from several starts.
QUICK = "perceptron, Adam, L2"
TWO = [one for one in MISTAKES if one.program == QUICK and one.hint is not None][:2]


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Checked]]:
    made: dict[str, Checked] = {}

    class Made(dict):
        def __missing__(self, name: str) -> Checked:
            folder: Path = tmp_path_factory.mktemp("planted")
            return made.setdefault(name, Checked(PROGRAMS[name], folder))

    yield Made()


def rows(checked: dict[str, Checked], planted: list[Planted]) -> list[Row]:
    return [checked[one.program].row(one) for one in planted]


def hold(found: list[Row]) -> None:
    misplaced = [r.planted.mistake for r in found if not r.placed]
    misled = [
        (r.planted.mistake, r.outcome.hints, r.of_traces.hints)
        for r in found
        if WRONG in (r.hint, r.hint_of_traces)
    ]
    assert not misplaced and not misled
    for hints in ([r.hint for r in found], [r.hint_of_traces for r in found]):
        assert hints.count(RIGHT) >= 0.8 * len(found), hints


def test_the_port_without_a_mistake_is_equal_and_mistakes_are_named(
    checked: dict[str, Checked],
) -> None:
    outcome = checked[QUICK].check("")
    assert outcome.verdict == ROUNDING and outcome.exit_code == 0 and outcome.worst_share > 0
    hold(rows(checked, TWO))


def test_there_are_mistakes_enough() -> None:
    assert len(MISTAKES) >= 40
    assert len({one.program for one in MISTAKES}) >= 6
    expected = [one.hint for one in MISTAKES]
    assert expected.count(None) <= 0.2 * len(expected), NONE


@pytest.mark.slow
@pytest.mark.parametrize("name", PROGRAMS)
def test_each_program(name: str, checked: dict[str, Checked]) -> None:
    assert checked[name].check("").exit_code == 0
    hold(rows(checked, [one for one in MISTAKES if one.program == name]))
