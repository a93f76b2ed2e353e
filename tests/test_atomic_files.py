"""What a flag names is written as a whole or not at all, and nothing else is touched."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from shared.atomic_files import check_file, replace_file, write_text, write_whole
from shared.errors import UsageError


def refused(path: Path) -> str:
    with pytest.raises(UsageError) as caught:
        write_text(path, "new", "--json")
    message = str(caught.value)
    assert message.startswith("--json ") and "\n" not in message
    return message


def test_a_file_is_replaced_and_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("old")
    path.chmod(0o640)
    write_text(path, "new", "--json")
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [file.name for file in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.parametrize("exists", [True, False], ids=["to a file", "dangling"])
def test_a_link_stays_and_its_target_is_written(tmp_path: Path, exists: bool) -> None:
    (tmp_path / "elsewhere").mkdir()
    target, link = tmp_path / "elsewhere" / "target.json", tmp_path / "link.json"
    if exists:
        target.write_text("old")
    link.symlink_to(target)
    write_text(link, "new", "--json")
    assert link.is_symlink() and target.read_text() == "new"


def test_a_device_is_written_to_and_stays_one(tmp_path: Path) -> None:
    node = tmp_path / "null"
    if os.getuid() == 0:  # /dev/null itself is at risk only then
        try:
            os.mknod(node, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        except PermissionError:  # a container without the right to
            node.symlink_to("/dev/null")
    else:
        node.symlink_to("/dev/null")
    before = os.stat("/dev/null")
    write_text(node, "text", "--json")
    write_text(Path("/dev/null"), "text", "--json")
    assert stat.S_ISCHR(node.stat().st_mode)
    assert os.path.samestat(before, os.stat("/dev/null"))


def test_a_pipe_gets_the_text(tmp_path: Path) -> None:
    pipe, got = tmp_path / "pipe", []
    os.mkfifo(pipe)
    opened = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(opened, True)
    reader = threading.Thread(target=lambda: got.append(os.fdopen(opened, "rb").read()))
    with open(pipe, "wb", buffering=0):  # held open, so that the reader does not see an early end
        reader.start()
        write_text(pipe, "text", "--json")
    reader.join(10)
    assert got == [b"text"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_pipe_that_nobody_reads_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "cannot write" in refused(tmp_path / "pipe")


def test_standard_output_by_its_name_is_added_to(tmp_path: Path) -> None:
    path = tmp_path / "out"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
    os.write(descriptor, b"first\n")
    write_text(Path(f"/proc/{os.getpid()}/fd/{descriptor}"), "second\n", "--json")
    os.write(descriptor, b"")
    os.close(descriptor)
    assert path.read_text() == "first\nsecond\n"


@pytest.mark.parametrize("name", ["", ".", "..", "/"])
def test_a_folder_is_refused(name: str) -> None:
    assert "expected a file, found a folder" in refused(Path(name))


def test_a_name_of_252_letters_is_written_and_a_longer_one_refused(tmp_path: Path) -> None:
    long = tmp_path / ("n" * 247 + ".json")
    write_text(long, "new", "--json")
    assert long.read_text() == "new"
    assert "File name too long" in refused(tmp_path / ("n" * 300))
    assert [file.name for file in tmp_path.iterdir()] == [long.name]


def test_an_error_or_an_interrupt_leaves_the_old_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("old")
    for error in (OSError(28, "No space left on device"), KeyboardInterrupt()):

        def fail(partial: Path, error: BaseException = error) -> None:
            partial.write_text("half")
            raise error

        with pytest.raises((UsageError, KeyboardInterrupt)):
            write_whole(path, fail, "--json")
        assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("a.json", "old")]


def test_a_temporary_name_that_is_taken_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = iter([b"taken678", b"free5678"])
    monkeypatch.setattr("shared.atomic_files.os.urandom", lambda count: next(names))
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / f".{b'taken678'.hex()}.json").symlink_to(victim)
    write_text(tmp_path / "a.json", "new", "--json")
    assert victim.read_text() == "precious" and (tmp_path / "a.json").read_text() == "new"


def test_file_and_folder_are_on_disk_before_it_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    real_sync, real_replace = os.fsync, os.replace

    def fsync(descriptor: int) -> None:
        status = os.fstat(descriptor)
        calls.append("folder" if stat.S_ISDIR(status.st_mode) else f"{status.st_size} bytes")
        real_sync(descriptor)

    def replace(source: str, target: str) -> None:
        calls.append("name")
        real_replace(source, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", replace)
    replace_file(str(tmp_path / "a"), lambda partial: Path(partial).write_text("12345"))
    assert calls == ["5 bytes", "name", "folder"]


@pytest.mark.parametrize("name", [".", "missing/a.json", "a.json/b.json"])
def test_what_could_not_be_written_is_refused_beforehand(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.json").write_text("old")
    with pytest.raises(UsageError, match=r"--json .*: cannot write: "):
        check_file(tmp_path / name, "--json")
    check_file(tmp_path / "a.json", "--json")
    check_file(Path("/dev/null"), "--json")
    assert [file.name for file in tmp_path.iterdir()] == ["a.json"]


def test_a_read_only_folder_is_refused_beforehand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write everywhere
    with pytest.raises(UsageError, match="read-only"):
        check_file(tmp_path / "a.json", "--json")
