"""A folder takes its place as a whole, whatever happens at whatever moment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from shared.tools import whole_folder as module
from shared.tools.whole_folder import put_back, whole_folder

ROOT = Path(__file__).resolve().parents[2]

# Replaces a folder in child processes, each of which ends before another of its calls that touch
# files, and prints what is there afterwards, a line each. Nothing of TensorFlow is here, so that
# this process may fork.
KILLED = """
import os, sys
from pathlib import Path
from shared.tools import whole_folder as module

work, exchange = Path(sys.argv[1]), sys.argv[2] == "exchange"
if not exchange:
    module._exchange = lambda one, other: False
EVENTS = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "open", "tempfile.mkdtemp",
          "ctypes.dlsym", "shutil.rmtree", "fcntl.flock")

def replace(out, last):
    seen = 0
    def hook(event, arguments):
        nonlocal seen
        if event in EVENTS:
            seen += 1
            if seen == last:
                os._exit(9)
    sys.addaudithook(hook)
    with module.whole_folder(out) as new:
        new.mkdir()
        for name in "ab":
            (new / name).write_text("new")

for last in range(1, 1000):
    out = work / str(last) / "out"
    out.mkdir(parents=True)
    for name in "ab":
        (out / name).write_text("old")
    process = os.fork()
    if process == 0:
        replace(out, last)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    before = out.exists()
    module.put_back(out)
    print(code, before, *sorted((out / name).read_text() for name in "ab"),
          *sorted(file.name for file in out.parent.iterdir()))
    if code == 0:
        break
"""


@pytest.mark.parametrize("how", ["exchange", "two renames"])
def test_killed_between_any_two_steps_it_is_the_old_or_the_new_folder(
    how: str, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path), how], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert len(lines) > 10 and lines[-1][0] == "0"  # it ended by itself at last
    for code, was_there, *contents, name in lines:
        assert code in "09" and contents in (["old", "old"], ["new", "new"]) and name == "out"
        assert was_there == "True" or how == "two renames"
    assert [line[2] for line in lines] == sorted((line[2] for line in lines), reverse=True)
    assert how == "exchange" or any(line[1] == "False" for line in lines)  # the moment between


def test_what_is_not_ours_stays(tmp_path: Path) -> None:
    out = tmp_path / "out"
    somebodys = tmp_path / (module._prefix(out) + "abcdefgh")
    somebodys.mkdir()
    (somebodys / "old").mkdir()
    (somebodys / "old" / "mine").write_text("mine")
    with whole_folder(out) as new:
        running = new.parent
        put_back(out)  # as a second process would
        assert running.exists()
        new.mkdir()
    assert out.is_dir() and (somebodys / "old" / "mine").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == [somebodys.name, "out"]


def test_a_link_is_followed_and_stays(tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "target")
    with whole_folder(tmp_path / "link") as new:
        new.mkdir()
        (new / "a").write_text("new")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "target" / "a").read_text() == "new"


def test_a_second_name_that_cannot_be_given_gives_the_first_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "a").write_text("old")
    rename = Path.rename

    def fail(self: Path, target: Path) -> Path:
        if self.name == "new" and not target.exists():
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(module, "_exchange", lambda one, other: False)
    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(OSError, match="No space"), whole_folder(out) as new:
        new.mkdir()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert (out / "a").read_text() == "old"


@pytest.mark.parametrize("taken_by", ["folder", "file"])
def test_a_place_that_was_taken_meanwhile_is_replaced_only_when_asked(
    taken_by: str, tmp_path: Path
) -> None:
    out = tmp_path / "out"

    def take() -> None:
        if taken_by == "folder":
            out.mkdir()
        (out / "a" if taken_by == "folder" else out).write_text("of another")

    with pytest.raises(FileExistsError, match="out"), whole_folder(out, replace=False) as new:
        new.mkdir()
        take()
    assert (out / "a" if taken_by == "folder" else out).read_text() == "of another"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    with whole_folder(out) as new:
        new.mkdir()
        (new / "a").write_text("new")
    assert (out / "a").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


# Makes the same folder in several processes at once, again and again, and prints what failed.
AT_ONCE = """
import os, sys
from pathlib import Path
from shared.tools import whole_folder as module

out, replace = Path(sys.argv[1]), sys.argv[2] == "replaced"
if sys.argv[3] == "two renames":
    module._exchange = lambda one, other: False
processes = []
for number in range(4):
    process = os.fork()
    if process == 0:
        for turn in range(25):
            try:
                with module.whole_folder(out, replace) as new:
                    new.mkdir()
                    for name in "ab":
                        (new / name).write_text(f"{number} {turn}")
                found = "made"
            except OSError as error:
                found = type(error).__name__
            os.write(1, f"{found}\\n".encode())
        os._exit(0)
    processes.append(process)
for process in processes:
    os.waitpid(process, 0)
"""


@pytest.mark.parametrize("how", ["exchange", "two renames"])
@pytest.mark.parametrize(("what", "made"), [("replaced", 100), ("left", 1)])
def test_processes_that_make_it_at_once_leave_a_whole_one(
    what: str, made: int, how: str, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    done = subprocess.run(
        [sys.executable, "-c", AT_ONCE, str(out), what, how],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0 and done.stderr == ""
    lines = done.stdout.splitlines()
    assert len(lines) == 100 and lines.count("made") == made
    assert set(lines) <= {"made", "FileExistsError"}
    assert (out / "a").read_text() == (out / "b").read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


# What a command does that starts others: a child that starts a grandchild.
STARTS = """
import sys
from shared.program.ending import exit_on_signals
from shared.tools.child_process import run_group
from shared.tools.whole_folder import whole_folder
from pathlib import Path
with exit_on_signals(), whole_folder(Path(sys.argv[1])) as new:
    run_group(["bash", "-c", "sleep 1000 & echo $! > " + sys.argv[2] + "; wait"])
"""


def runs(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().split()[2]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_every_process_and_leaves_nothing(number: int, tmp_path: Path) -> None:
    told, out = tmp_path / "told", tmp_path / "folder" / "out"
    process = subprocess.Popen(
        [sys.executable, "-c", STARTS, str(out), str(told)], cwd=ROOT, stderr=subprocess.DEVNULL
    )
    end = time.monotonic() + 60
    while not (told.exists() and told.read_text().strip()):
        assert time.monotonic() < end
        time.sleep(0.05)
    grandchild = int(told.read_text())
    assert runs(grandchild)
    os.kill(process.pid, number)
    assert process.wait(60) != 0
    while runs(grandchild):
        assert time.monotonic() < end
        time.sleep(0.05)
    assert list(out.parent.iterdir()) == []


def test_a_crash_beside_a_longer_name_is_not_taken_for_ones_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_exchange", lambda one, other: False)
    left = tmp_path / (module._prefix(tmp_path / "model-2") + "abcdefgh")
    (left / "old").mkdir(parents=True)
    (left / "old" / "a").write_text("2")
    (left / module._OWNED).touch()
    somebodys = tmp_path / ".model-cache"
    somebodys.mkdir()
    put_back(tmp_path / "model")
    assert not (tmp_path / "model").exists() and (left / "old" / "a").read_text() == "2"
    put_back(tmp_path / "model-2")
    assert (tmp_path / "model-2" / "a").read_text() == "2"
    assert not left.exists() and somebodys.exists()


def test_a_name_may_be_as_long_as_the_file_system_takes(tmp_path: Path) -> None:
    out = tmp_path / ("名" * 83)  # 249 bytes
    with whole_folder(out) as new:
        new.mkdir()
    assert out.is_dir() and list(tmp_path.iterdir()) == [out]


def test_a_file_that_is_replaced_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_exchange", lambda one, other: False)
    out = tmp_path / "out"
    out.write_text("a file")
    with whole_folder(out) as new:
        new.mkdir()
    assert out.is_dir() and list(tmp_path.iterdir()) == [out]
