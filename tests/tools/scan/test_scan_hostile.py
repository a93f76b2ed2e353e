"""Files that are no source: each is named in one line, counted, and the scan goes on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanned_trees import as_json, of_tree, tree
from shared.tools.commands import main
from shared.tools.scan.formats import FORMATS, pieces
from shared.tools.scan.project import scan_text

GOOD = "import tensorflow as tf\ntf.zeros([1])\n"


def reasons(folder: Path) -> dict[str, str]:
    """The problems, after it was seen that the good file beside them was scanned."""
    found = of_tree(tree(folder, good_py=GOOD))
    assert [use.name for use in found.of("use") if use.path == "good.py"] == ["tf.zeros"]
    return {problem.path: problem.reason for problem in found.problems}


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    tree(tmp_path, bad_py=b"import tensorflow\0\xff\xfe")
    assert reasons(tmp_path) == {"bad.py": "no text: it holds zero bytes"}


def test_a_file_in_an_unknown_encoding_is_read_all_the_same(tmp_path: Path) -> None:
    tree(tmp_path, old_py=b"# -*- coding: klingon -*-\n# \xe9\n" + GOOD.encode())
    assert reasons(tmp_path) == {}


def test_fifty_megabytes_in_one_line(tmp_path: Path) -> None:
    with (tmp_path / "long.py").open("wb") as stream:
        stream.write(b"import tensorflow; x = '")
        stream.truncate(50_000_000)
    assert reasons(tmp_path) == {"long.py": "larger than 2 MiB"}


def test_links_that_lead_back_or_nowhere(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "nowhere.py").symlink_to(tmp_path / "not_there.py")
    (tmp_path / "again.py").symlink_to(tmp_path / "good.py")
    assert reasons(tmp_path) == {
        "loop": "a symbolic link to what is scanned under its own name",
        "again.py": "a symbolic link to what is scanned under its own name",
        "nowhere.py": "a symbolic link that leads nowhere",
    }


@pytest.mark.parametrize("content", ["no json", "[]", '{"cells": 3}', "{" * 100_000, "\xff"])
def test_a_notebook_that_is_none(tmp_path: Path, content: str) -> None:
    tree(tmp_path, bad_ipynb=content.encode("latin-1"))
    assert list(reasons(tmp_path)) == ["bad.ipynb"]


@pytest.mark.parametrize(
    "text",
    [
        "[" * 10_000 + "]" * 10_000,
        "print 'python 2'\n" + "(" * 10_000 + ")" * 10_000,
        "x" + ".a" * 20_000,
        "x = " + "1 + " * 100_000 + "1",
        "-" * 100_000 + "1",
        "".join(f"{' ' * n}if x:\n" for n in range(400)),
    ],
)
def test_what_nests_too_deeply(tmp_path: Path, text: str) -> None:
    tree(tmp_path, deep_py="import tensorflow\n" + text)
    assert reasons(tmp_path) == {"deep.py": "nested too deeply"}


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    assert reasons(tmp_path) == {"pipe.py": "not a regular file"}


NASTY = "a <b>\n\x1b[31m[red]x.py"


def test_a_path_with_spaces_line_breaks_and_markup(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / NASTY).write_text(GOOD + "tf.log('<script>')\n")
    (tmp_path / f"bad{NASTY}").write_bytes(b"\0")
    for form in FORMATS:
        assert main(["scan", str(tmp_path), "--format", form, "--no-upgrade-script"]) == 0
        printed = capsys.readouterr().out
        assert "\x1b" not in printed
        if form == "html":
            assert "<b>" not in printed
            assert "&lt;b&gt;" in printed
        if form == "text":
            lines = [line for line in printed.splitlines() if "no text" in line]
            assert lines == [r"bada <b>\n\x1b[31m[red]x.py: no text: it holds zero bytes"]


def test_a_name_that_is_no_unicode(
    tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    path = os.fsencode(tmp_path) + b"/\xff.py"
    with open(path, "w") as stream:
        stream.write(GOOD)
    for form in FORMATS:
        assert main(["scan", str(tmp_path), "--format", form, "--no-upgrade-script"]) == 0
    assert b"tf.zeros" in capsysbinary.readouterr().out


def test_what_a_gitignore_names_is_left_out(tmp_path: Path) -> None:
    tree(tmp_path, a__b_py=GOOD, build__c_py=GOOD, a__keep_py=GOOD)
    (tmp_path / ".gitignore").write_text("build/\n*.py\n!good.py\n")
    (tmp_path / "a" / ".gitignore").write_text("!keep.py\n")
    assert reasons(tmp_path) == {}
    found = of_tree(tmp_path)
    assert sorted({use.path for use in found.of("use")}) == ["a/keep.py", "good.py"]


def test_a_path_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scan", "not/there"]) == 2
    assert capsys.readouterr().err == (
        "error: PATH: expected a file or a folder, found none at 'not/there'\n"
    )


def test_a_folder_without_python(tmp_path: Path) -> None:
    assert as_json(tmp_path)["totals"]["files"] == 0


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(codec="utf-8"), max_size=200), st.integers(0, 60))
def test_no_damage_to_a_file_ends_the_scan(noise: str, at: int) -> None:
    text = "import tensorflow as tf\nfor i in [tf.zeros(1)]: sess.run(tf.log(i), feed_dict={})\n"
    found = scan_text(text[:at] + noise.replace("\0", "") + text[at:])
    for form in FORMATS:
        assert "".join(pieces(found, form))
