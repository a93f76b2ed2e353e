"""`pairs pitfalls`: the list, one pitfall, JSON, and names that are wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from shared.tools.commands import main
from shared.tools.pitfalls.pitfall import pitfalls
from tf115_environment import require_tf115


@pytest.fixture(autouse=True)
def width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


@pytest.fixture
def without_tf115(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("shared.tools.commands.pitfalls.TF115_PYTHON", tmp_path / "python")


def strict_json(text: str) -> Any:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refuse)


def test_the_list_names_every_pitfall_in_80_columns(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pitfalls"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    listed = [line.split()[0] for line in lines[1:] if line and not line.startswith((" ", "`"))]
    assert listed == list(pitfalls())


def test_the_list_needs_no_tensorflow() -> None:
    code = (
        "import sys; from shared.tools.commands import main; main(['pitfalls']); "
        "sys.exit('tensorflow' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_one_pitfall_shows_both_numbers_and_what_to_write(
    capsys: pytest.CaptureFixture[str], without_tf115: None
) -> None:
    assert main(["pitfalls", "frozen-rate"]) == 0
    output = capsys.readouterr().out
    assert max(len(line) for line in output.splitlines() if "https://" not in line) <= 80
    rows = {line[5:22].strip(): line[22:].strip() for line in output.splitlines()}
    assert rows["compat.v1 Session"] == "-1.75"
    assert rows["ported naively"] == "-3"
    assert rows["ported well"] == "-1.75"
    assert rows["TensorFlow 1.15"] == "not measured: make tf115"
    assert "!= ported naively" in output
    for title in ("In TensorFlow 1", "Ported naively", "Ported well"):
        assert f"\n{title} (" in output
    assert "session.run(update)  # computes the rate anew from the step" in output
    assert "schedules.ExponentialDecay(1.0, decay_steps=1, decay_rate=0.5)" in output
    assert "is gone" not in output


@pytest.mark.slow
@pytest.mark.tf115
def test_tensorflow_115_is_measured_where_it_is_installed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.tools.commands.pitfalls.TF115_PYTHON", require_tf115())
    assert main(["pitfalls", "dropout-nan", "--json"]) == 0
    pitfall = strict_json(capsys.readouterr().out)
    assert pitfall["readings"][0]["tf115"] == 64
    assert pitfall["readings"][0]["tf1"] < 64
    assert pitfall["gone"] is False


def test_json_of_one_has_its_readings_with_nan_as_text(
    capsys: pytest.CaptureFixture[str], without_tf115: None
) -> None:
    assert main(["pitfalls", "naive-cross-entropy", "--json"]) == 0
    pitfall = strict_json(capsys.readouterr().out)
    assert pitfall["readings"][0] == {
        "quantity": "loss alone: against eager",
        "tf115": None,
        "tf1": 0.0,
        "naive": "nan",
        "fixed": 0.0,
    }


def test_json_of_all_has_the_texts(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pitfalls", "--json"]) == 0
    found = strict_json(capsys.readouterr().out)
    assert [pitfall["name"] for pitfall in found] == list(pitfalls())
    for pitfall in found:
        assert all(pitfall[key] for key in ("what", "why", "tf1", "naive", "fixed"))


@pytest.mark.parametrize(
    ("name", "hint"), [("adam-epsilom", "; did you mean adam-epsilon"), ("xyzzy", "'xyzzy'\n")]
)
def test_an_unknown_name_is_one_line_and_exit_code_2(
    name: str, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["pitfalls", name]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("error: NAME: expected one that `pairs pitfalls` lists, found ")
    assert hint in printed.err
    assert printed.err.count("\n") == 1


def test_a_pitfall_that_vanished_is_said_to_be_gone(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, without_tf115: None
) -> None:
    def run_tf1(name: str, side: str) -> dict[str, int]:
        return {"times a counter was increased": 0}

    monkeypatch.setattr("shared.tools.pitfalls.measuring.run", run_tf1)
    assert main(["pitfalls", "side-effects"]) == 0
    output = capsys.readouterr().out
    assert "the pitfall is gone in TensorFlow" in output
    assert "!=" not in output
