"""The page "Your own model" can be followed from start to end."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from forked_children import children_in_forks
from measuring import own_model
from measuring.own_model import COMMANDS, Done, follow, settled
from pair_pages.numbers.measured import measured
from shared.tools.commands import main
from tf115_environment import tf115_python

GUIDE = own_model.FOLDER.parent


@pytest.mark.slow
def test_the_page_leads_from_the_old_program_to_the_new() -> None:
    # Kept as long as no source of it changes, and the guide shows the same.
    done = {name: Done(**step) for name, step in measured("own_model")["done"].items()}
    assert list(done) == list(COMMANDS)
    codes = {name: step.code for name, step in done.items() if step.code}
    assert codes == {"check-start": 3, "check-first": 1}  # another start, a mistake
    said = {name: " ".join(step.output.split()) for name, step in done.items()}
    assert "the initial values differ: hidden/kernel, output/kernel" in said["check-start"]
    assert "0.04 times A's: a constant factor in the loss" in said["check-first"]
    for name, steps_compared in (("check", "1 to 10"), ("check-on", "1 to 10")):
        assert "equal: within what rounding explains" in said[name]
        assert f"compared: steps {steps_compared}, 170 tensors" in said[name]


@pytest.mark.slow
def test_lost_slots_are_found_when_both_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # The momentum converted for ten times the learning rate is not what the port goes on with.
    wrong = COMMANDS["convert"].replace("--learning-rate 0.002", "--learning-rate 0.02")
    monkeypatch.setitem(COMMANDS, "convert", wrong)
    names = ["write", "old-saved", "new-saved", "map", "convert", "record-on"]
    with children_in_forks():
        done = dict(follow(tmp_path, str(tf115_python() or sys.executable), names))
        assert {name: step.code for name, step in done.items()} == dict.fromkeys(names, 0)
        monkeypatch.chdir(tmp_path)
        check = shlex.split(COMMANDS["check-on"])[1:]
        assert main([*check, "--new-python", sys.executable]) == 1
    assert "first at step 1, " in capsys.readouterr().out


def test_the_page_shows_every_command() -> None:
    page = (GUIDE / "own-model.md").read_text()
    for name in COMMANDS:
        assert page.count(f"<!-- generated: own-{name} -->") == 1


def test_the_ports_differ_in_the_mistake_alone() -> None:
    first, corrected = (
        (own_model.FOLDER / name).read_text().splitlines() for name in ("first_port.py", "new.py")
    )
    changed = [pair for pair in zip(first, corrected, strict=True) if len(set(pair)) > 1]
    assert [pair[1].strip() for pair in changed] == ["loss = tf.nn.l2_loss(prediction - y)"]


def test_no_program_of_the_page_records_by_hand() -> None:
    for program in own_model.FOLDER.glob("*.py"):
        assert "record" not in program.read_text().lower()


def test_settling_a_map_takes_out_one_line() -> None:
    proposal = '[variables]\n"a" = "b"\n\n[unsure]  # check each\n"c" = "d"  # ? the names differ\n'
    assert settled(proposal) == '[variables]\n"a" = "b"\n\n"c" = "d"  # ? the names differ\n'
