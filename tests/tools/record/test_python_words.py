"""Programs are named as for Python: by a file or a module, behind flags of the interpreter."""

from __future__ import annotations

from pathlib import Path

import pytest

import forked_python
from recorded_programs import PROGRAMS
from shared.errors import UsageError
from shared.tools.check.runs import program
from shared.tools.child_process import tf115_environment
from shared.tools.record.one_file import source
from shared.tools.record.python_words import read
from shared.trace_recorder import read_trace
from tf115_environment import require_tf115


@pytest.mark.parametrize(
    ("text", "flags", "program"),
    [
        ("train.py --steps 3", "", "train.py --steps 3"),
        ("-u -W ignore train.py -m x", "-u -W ignore", "train.py -m x"),
        ("-B -m nmt.nmt --src vi", "-B", "-m nmt.nmt --src vi"),
        ("-mnmt.nmt --src vi", "", "-m nmt.nmt --src vi"),
    ],
)
def test_flags_are_told_from_the_program(text: str, flags: str, program: str) -> None:
    found = read(text.split(), "--")
    assert (" ".join(found.flags), " ".join(found.program)) == (flags, program)
    assert found.is_module == program.startswith("-m")


@pytest.mark.parametrize("text", ["-u", "-m", "-c print(1)", "-", "-W ignore"])
def test_what_names_no_program_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--old: expected a Python file or -m MODULE, found"):
        read(text.split(), "--old")


def test_check_takes_a_module_and_flags() -> None:
    found = program("python -u -m of_package.train raise", None, str(PROGRAMS), "--old")
    assert found.flags == ("-u",) and found.arguments == ("-m", "of_package.train", "raise")
    with pytest.raises(UsageError, match=r"expected the script of_package/none\.py"):
        program("python -u of_package/none.py", None, str(PROGRAMS), "--old")


@pytest.mark.tf115
def test_a_module_is_recorded_and_its_error_stays_its_own(tmp_path: Path) -> None:
    python, out = str(require_tf115()), tmp_path / "trace.npz"
    one_file = tmp_path / "record_tf1.py"
    one_file.write_text(source(), encoding="utf-8")
    words = ["--every", "1", out, "-m", "of_package.train", "raise"]
    done = forked_python.run(
        [python, "-W", "ignore", one_file, *words], cwd=PROGRAMS, env=tf115_environment()
    )
    assert done.stdout.splitlines() == ["9.0", "2.25", "0.5625", "__main__ ['raise'] True"]
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "ValueError: an error of the module's own"
    assert read_trace(out).losses.tolist() == [9.0, 2.25, 0.5625]
