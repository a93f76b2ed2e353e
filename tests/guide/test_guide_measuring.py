"""Scripts that take turns in one process, and results that are kept until a source changes."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

import forked_python
from measuring.ladder_worker import Script
from pair_pages.numbers import measured

COUNTING = """
import time
losses, weight, bias = [], 2.0, 1.0
for step in range(1, 3):
    losses.append(step)
    print("step %d of" % step, NAME)
    open("seen", "a").write(NAME)
"""


def started(name: str, folder: Path, code: str = COUNTING) -> Script:
    place = folder / name
    place.mkdir()
    (place / "script.py").write_text(f"NAME = {name!r}\n{code}")
    return Script(str(place / "script.py"), str(place))


def test_scripts_of_one_process_take_turns_each_in_its_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    one, two = (started(name, tmp_path) for name in ("one", "two"))
    turns = [script.take_turn() for _ in range(3) for script in (one, two)]
    assert turns == [True, True, True, True, False, False]
    lines = capsys.readouterr().out.splitlines()
    assert lines[:4] == [f"> step {step} of {name}" for step in (1, 2) for name in ("one", "two")]
    assert lines[4:] == ['= {"losses": [1.0, 2.0], "w": 2.0, "b": 1.0}'] * 2
    assert [(tmp_path / name / "seen").read_text() for name in ("one", "two")] == [
        "one" * 2,
        "two" * 2,
    ]


def test_an_error_of_a_script_is_told_and_ends_its_turns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert not started("bad", tmp_path, "raise RuntimeError('first\\nsecond')").take_turn()
    assert capsys.readouterr().out == "! RuntimeError: first\n"


def test_a_changed_source_makes_a_result_stale_and_another_one_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.py", "a.toml", "b.py"):
        path = tmp_path / name[0] / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
    monkeypatch.setattr(measured, "ROOT", tmp_path)
    monkeypatch.setattr(measured, "SOURCES", {"one": ("a",), "other": ("b/b.py",)})
    state_of = measured.state_of_sources.__wrapped__
    before = state_of("one"), state_of("other")
    (tmp_path / "a" / "a.toml").write_text("x = 1")
    assert state_of("one") != before[0]
    assert state_of("other") == before[1]
    monkeypatch.setattr(measured, "_installed", lambda: ["numpy-0.dist-info"])
    assert state_of("other") != before[1]


def test_what_a_measurement_comes_from_is_there() -> None:
    for name, sources in measured.SOURCES.items():
        assert all((measured.ROOT / source).exists() for source in sources), name


@pytest.mark.parametrize("name", measured.SOURCES)
def test_all_that_a_measurement_imports_is_among_its_sources(name: str) -> None:
    program = (
        f"import json, sys, measuring.{name}; "
        "print(json.dumps([getattr(module, '__file__', None) for module in sys.modules.values()]))"
    )
    path = os.pathsep.join([str(measured.ROOT), str(measured.ROOT / "docs" / "guide" / "_ext")])
    environment = {**os.environ, "PYTHONPATH": path}
    done = forked_python.run([sys.executable, "-c", program], env=environment, check=True)
    files = {Path(file) for file in json.loads(done.stdout) if file}
    own = {file for file in files if file.is_relative_to(measured.ROOT)}
    own -= {file for file in files if file.is_relative_to(sys.prefix)} | {forked_python.SERVER}
    found = (measured._files(measured.ROOT / source) for source in measured.SOURCES[name])
    sources = {path for paths in found for path in paths}
    assert measured.ROOT / "shared" / "tools" / "child_process.py" in own
    assert own - sources == set()
