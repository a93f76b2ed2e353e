"""What a long recording holds of each step, and what that costs."""

from __future__ import annotations

import re
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from recorded_programs import recorded, recording
from shared.trace_recorder import Trace
from tf115_environment import require_tf115

F = np.float32
STEPS = 30


@pytest.mark.parametrize(
    ("flags", "later"),
    [
        ((), [50, 100]),
        (("--stride", "20"), [40, 60, 80, 100]),
        (("--stride", "99"), [99]),
        (("--stride", "1"), list(range(21, 102))),
        (("--every", "30"), [30, 50, 60, 90, 100]),
        (("--steps", "101"), [50, 100, 101]),
    ],
)
def test_all_is_recorded_of_the_first_steps_and_of_each_kth(
    flags: tuple[str, ...], later: list[int], tmp_path: Path
) -> None:
    one = recording(tmp_path / "a.npz", *flags)
    full = []
    for one.step in range(101):
        full += [one.step + 1] if one.is_full() else []
    one.recorder.discard()
    assert full == [*range(1, 21), *later]


def check_strides(all_of_it: Trace, each_fifth: Trace, printed: str, slot: str) -> None:
    """Holds a trace of each fifth step against one of all steps of the same program."""
    full = [*range(1, 21), 25, 30]
    assert each_fifth.steps.tolist() == list(range(1, STEPS + 1))
    losses = [F(re.sub(r"np\.float32|[()]", "", line)) for line in printed.splitlines()]
    assert each_fifth.losses.tolist() == [float(loss) for loss in losses]
    for stage, name in (("gradient", "w"), ("slot", slot), ("variable", "w")):
        records = each_fifth.records(stage, name)
        assert records["step"].tolist() == full
        of_all = all_of_it.records(stage, name)
        assert len(of_all) == STEPS
        assert (of_all[np.isin(of_all["step"], full)] == records).all()  # digests among them


@pytest.mark.slow
@pytest.mark.tf115
def test_a_session_recorded_at_each_fifth_step_has_all_losses(tmp_path: Path) -> None:
    python = str(require_tf115())
    each_fifth, printed = recorded(tmp_path / "5", python, "many_steps", "--stride", "5")
    all_of_it, _ = recorded(tmp_path / "1", python, "many_steps", "--stride", "1")
    check_strides(all_of_it, each_fifth, printed, "w/Adam")
    assert each_fifth.records("batch", "x").size == STEPS


@pytest.mark.slow
def test_a_tape_recorded_at_each_fifth_step_has_all_losses(tmp_path: Path) -> None:
    program = ("many_steps", "--stride")
    each_fifth, printed = recorded(
        tmp_path / "5", sys.executable, *program, "5", arguments=["eager"]
    )
    all_of_it, _ = recorded(tmp_path / "1", sys.executable, *program, "1", arguments=["eager"])
    check_strides(all_of_it, each_fifth, printed, "w/velocity")


@pytest.mark.slow
def test_memory_does_not_grow_with_the_steps(tmp_path: Path) -> None:
    one = recording(tmp_path / "a.npz")
    value = {"w": np.ones(1000, F)}  # 4 kB

    def steps(count: int) -> int:
        for _ in range(count):
            full = value if one.is_full() else {}
            one.record({"loss": F(1)}, {"x": value["w"]}, None, full, full, full)
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        before, after = steps(1000), steps(4000)
    finally:
        tracemalloc.stop()
        one.recorder.discard()
    # Records alone are 48 bytes a tensor and step: 192 kB, and 16 MB if steps were kept whole. In
    # memory they fill up to 16 kB of each tensor and of the loss, an eighth more being allotted.
    assert after - before < 5 * 16_384 * 9 / 8


@pytest.mark.slow
def test_recording_costs_at_most_a_tenth_of_a_step_of_the_convolutional_network() -> None:
    from shared.tools.record.cost import measure
    from shared.tools.record.session import STRIDE

    found = measure(10)
    assert found.share(1) > 0.10  # hashing 52 MB takes time, which the measurement sees
    # A busy machine moves a share by a tenth either way: one of five measurements has to hold.
    assert any(measure(10).share(STRIDE) < 0.10 for _ in range(5))
