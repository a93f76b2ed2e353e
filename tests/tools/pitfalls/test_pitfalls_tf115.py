"""The TF1-style side of every pitfall under real TensorFlow 1.15."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from forked_children import children_in_forks
from pitfall_pins import pins_of
from shared.errors import SuiteError
from shared.tools.pitfalls.measuring import measure, measure_tf115
from shared.tools.pitfalls.pitfall import pitfalls
from tf115_environment import require_tf115

if TYPE_CHECKING:
    from shared.tools.pitfalls.measuring import Measured
    from shared.tools.pitfalls.pitfall import Reading

PITFALLS = pitfalls()


@pytest.fixture(scope="module")
def measured() -> dict[str, Measured]:
    with children_in_forks():
        return measure_tf115(list(PITFALLS), require_tf115())


@pytest.mark.tf115
@pytest.mark.parametrize("name", PITFALLS)
def test_tensorflow_115_shows_what_is_pinned(name: str, measured: dict[str, Measured]) -> None:
    pins = pins_of(name)
    assert list(measured[name]) == list(pins)
    for quantity, value in measured[name].items():
        assert pins[quantity].close(value, pins[quantity].under_tf115), (quantity, value)


ONLY_TF115 = [name for name in PITFALLS if PITFALLS[name].only_tf115]


@functools.cache
def measured_now() -> dict[str, list[Reading]]:
    return measure(PITFALLS[name] for name in ONLY_TF115)


@pytest.mark.tf115
@pytest.mark.parametrize("name", ONLY_TF115)
def test_only_tensorflow_115_shows_these(name: str, measured: dict[str, Measured]) -> None:
    readings = [
        dataclasses.replace(reading, tf115=measured[name][reading.quantity])
        for reading in measured_now()[name]
    ]
    assert not PITFALLS[name].has_vanished(readings)
    for reading in readings:  # the Session has lost it, or does as TensorFlow 2 does
        assert reading.tf1 == reading.naive or reading.tf1 != reading.tf115, reading


def test_a_failing_interpreter_is_named_with_its_last_line(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho first >&2; echo No module named tensorflow >&2; exit 1\n")
    python.chmod(0o755)
    with pytest.raises(SuiteError) as error:
        measure_tf115(["tracing"], python)
    message = str(error.value)
    assert message.startswith(f"{python}: ")
    assert message.endswith("found: No module named tensorflow")
    assert "first" not in message
