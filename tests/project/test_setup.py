"""Setting up: what `make` builds, when, with which Python, and what it says when it cannot.

Nothing is installed here: each test works on a copy of the set-up files, with fake interpreters on
its PATH (see set_up_project.py).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

from set_up_project import Project, copy_set_up_files
from tf115_environment import MISSING, require_tf115, tf115_python

ROOT = Path(__file__).resolve().parents[2]
BUILT = ["venv .venv", "pip install"]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return copy_set_up_files(ROOT, tmp_path)


# --- which Python ---


def test_the_pythons_that_are_taken_are_those_of_pyproject(project: Project) -> None:
    declared = re.search(r'^requires-python = "(.+?)"', (ROOT / "pyproject.toml").read_text(), re.M)
    assert declared
    allowed = SpecifierSet(declared[1])
    pythons = {minor: project.add_python(f"python3.{minor}", minor) for minor in range(7, 17)}
    for minor, python in pythons.items():
        answer = project.find_python(PYTHON=str(python))
        assert (answer.returncode == 0) == (f"3.{minor}" in allowed), answer.stderr


def test_an_old_python3_does_not_hide_a_fitting_one(project: Project) -> None:
    project.add_python("python3", 9)
    fitting = project.add_python("python3.11", 11)
    assert project.find_python().stdout == f"{fitting}\n"


def test_pyenvs_versions_are_found_without_a_shim(project: Project) -> None:
    python = project.add_python("fitting", 12)
    version = project.folder / ".pyenv" / "versions" / "3.12.1" / "bin"
    version.mkdir(parents=True)
    (version / "python").symlink_to(python)
    assert project.find_python().stdout == f"{python}\n"


@pytest.mark.parametrize(
    ("minor", "has_venv", "arguments", "message"),
    [
        (9, True, (), "Python 3.10 to 3.13 is needed, but python3 is Python 3.9"),
        (14, True, (), "Python 3.10 to 3.13 is needed, but python3 is Python 3.14"),
        (11, False, (), "python3 (Python 3.11) has no venv or ensurepip module"),
        (None, True, (), "Python 3.10 to 3.13 is needed, but none was found"),
        (11, True, ("PYTHON=nowhere",), "but PYTHON=nowhere does not run"),
    ],
    ids=["too old", "too new", "without venv", "none", "named and missing"],
)
def test_without_a_fitting_python_make_says_so_in_one_line(
    project: Project,
    minor: int | None,
    has_venv: bool,
    arguments: tuple[str, ...],
    message: str,
) -> None:
    if minor is not None:
        project.add_python("python3", minor, has_venv)
    answer = project.make("test", *arguments)
    assert answer.returncode != 0
    assert message in answer.stderr
    assert len(answer.stderr.splitlines()) == 1, answer.stderr
    assert not answer.stdout
    assert not (project.folder / ".venv").exists()


def test_tf115_without_python37_says_so_in_one_line(project: Project) -> None:
    project.add_python("python3", 11)
    answer = project.make("tf115")
    assert answer.returncode != 0
    assert "Python 3.7 is needed, but none was found" in answer.stderr
    assert "PYTHON37=" in answer.stderr
    assert len((answer.stdout + answer.stderr).splitlines()) == 1
    assert not (project.folder / ".venv-tf115").exists()


# --- when .venv is built ---


def test_venv_is_built_once(project: Project) -> None:
    project.add_python("python3", 11)
    first = project.make("test", "ARGS=-x")
    assert first.returncode == 0, first.stderr
    assert project.done() == [*BUILT, "pytest -x"]
    assert project.make("test").returncode == 0
    assert project.done() == ["pytest -n"]


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_changed_requirements_are_installed_into_the_same_venv(project: Project, name: str) -> None:
    project.add_python("python3", 11)
    project.make("test")
    project.done()
    project.change(name)
    project.make("test")
    assert project.done() == ["pip install", "pytest -n"]


@pytest.mark.parametrize("built_before", [False, True], ids=["the first", "a later one"])
def test_a_failed_installation_does_not_count_as_done(project: Project, built_before: bool) -> None:
    python = project.add_python("python3", 11)
    if built_before:
        project.make("test")
        project.change("constraints.txt")
        project.done()
    failure = Path(f"{python}.no-pip")
    failure.touch()
    assert project.make("test").returncode != 0
    assert project.done() == (["pip install"] if built_before else BUILT)
    failure.unlink()
    assert project.make("test").returncode == 0
    assert project.done() == [*BUILT, "pytest -n"]


PIP_PRINTS = """\
Obtaining file:///a%20project
Collecting tensorflow
  Downloading tensorflow-2.21.0-cp311-cp311-manylinux_2_17_x86_64.whl.metadata (4.4 kB)
  Downloading https://index/tensorflow-2.21.0-cp311-cp311-manylinux.whl (620.7 MB)
  Using cached jax_cuda12-0.10.2-py3-none-any.whl (1.2 GB)
  Downloading numpy-2.4.6-cp311-cp311-manylinux.whl (16.5 MB)
Installing collected packages: numpy, tensorflow, jax_cuda12
Successfully installed it
"""


def test_the_first_command_shows_how_far_it_is(project: Project) -> None:
    python = project.add_python("python3", 11)
    Path(f"{python}.pip-prints").write_text(PIP_PRINTS)
    shown = project.make("test").stdout.splitlines()
    assert "2.6 GB" in shown[0] and "minutes" in shown[0] and "make clean" in shown[0]
    assert shown[1:] == [
        "  tensorflow, 620.7 MB",
        "  jax_cuda12, 1.2 GB",
        "  unpacking 3 packages, a minute or two without a word",
    ]


def test_a_wheel_is_refused_in_one_line() -> None:
    # As pip calls it for `pip install .`; with -e it asks for an editable one.
    refusal = "The suite is used from its clone: run `make`, or `pip install -e .`\n"
    program = "import build_backend as b; b.{}('.')"
    for hook in ("get_requires_for_build_wheel", "prepare_metadata_for_build_wheel", "build_wheel"):
        done = subprocess.run(
            [sys.executable, "-c", program.format(hook)],
            env={**os.environ, "PYTHONPATH": str(ROOT / ".make")},
            capture_output=True,
            text=True,
        )
        assert (done.returncode, done.stderr) == (1, refusal)
    assert 'build-backend = "build_backend"' in (ROOT / "pyproject.toml").read_text()


def test_a_copy_of_the_packages_says_so_in_one_line(tmp_path: Path) -> None:
    for name in ("shared", "tf1_style", "tf2_style"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    done = subprocess.run(
        [sys.executable, "-m", "shared.tools.commands", "guide"],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {tmp_path}: expected a clone of the repository, found ")
    assert done.stderr.count("\n") == 1


def test_another_python_rebuilds_and_the_same_does_not(project: Project) -> None:
    project.add_python("python3", 11)
    project.add_python("python3.12", 12)
    project.make("test")
    project.done()
    project.make("test", "PYTHON=python3")
    assert project.done() == ["pytest -n"]
    project.make("test", "PYTHON=python3.12")
    assert project.done() == [*BUILT, "pytest -n"]


def test_a_venv_that_lost_its_interpreter_is_rebuilt(project: Project) -> None:
    removed = project.add_python("python3", 11)
    project.make("test")
    removed.unlink()
    project.add_python("python3.12", 12)
    project.done()
    assert project.make("test").returncode == 0
    assert project.done() == [*BUILT, "pytest -n"]


def test_a_moved_venv_is_rebuilt(project: Project) -> None:
    project.add_python("python3", 11)
    project.make("test")
    project.done()
    project.folder = project.folder.rename(project.folder.with_name("moved"))
    project.make("test")
    assert project.done() == [*BUILT, "pytest -n"]


def test_clean_keeps_results(project: Project) -> None:
    project.add_python("python3", 11)
    project.make("test")
    result = project.folder / "runs" / "summary.json"
    result.parent.mkdir()
    result.touch()
    assert project.make("clean").returncode == 0
    assert result.exists()
    assert not (project.folder / ".venv").exists()


# --- what make lists ---


def mentioned_targets(text: str) -> set[str]:
    """The targets in `make TARGET`, wherever code stands: fenced, indented or in backticks."""
    code = "\n".join(re.findall(r"```.*?```|`[^`\n]+`|^ {4}[^\n]*", text, re.M | re.S))
    return set(re.findall(r"^[ `$]*(?:[A-Z0-9_]+=\S+ )*make ([a-z][a-z0-9-]*)", code, re.M))


def test_make_alone_lists_every_target_there_is_and_that_is_written_of(project: Project) -> None:
    listed = set(re.findall(r"^make (\S+) +\S", project.make().stdout, re.M))
    phony = " ".join(re.findall(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), re.M))
    assert listed == set(phony.split()) - {"rebuild"}  # no target to call: it forces a rebuild
    for page in ("README.md", "CONTRIBUTING.md"):
        mentioned = mentioned_targets((ROOT / page).read_text())
        assert mentioned, page
        assert mentioned <= listed, page


def test_a_target_that_does_not_exist_would_be_noticed() -> None:
    page = """Run `make no-such`, or
make do with this:

    A=1 make indented ARGS=x

```sh
make fenced
```
"""
    assert mentioned_targets(page) == {"no-such", "indented", "fenced"}


# --- real TensorFlow 1.15 ---


def test_tf115_is_found_where_make_builds_it(tmp_path: Path) -> None:
    python = tmp_path / ".venv-tf115" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch(0o755)
    assert tf115_python(tmp_path) == require_tf115(tmp_path) == python


def test_without_tf115_a_test_skips_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REQUIRE_TF115", raising=False)
    assert tf115_python(tmp_path) is None
    with pytest.raises(pytest.skip.Exception, match=re.escape(MISSING)):
        require_tf115(tmp_path)


def test_without_tf115_a_test_fails_where_it_is_required(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUIRE_TF115", "1")
    with pytest.raises(pytest.fail.Exception, match=re.escape(MISSING)):
        require_tf115(tmp_path)
