"""`pairs check` of finished traces: verdicts, exit codes, the map, and what cannot be used."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from shared.program.display import shown, shown_markup
from shared.tools.commands import main
from shared.trace_recorder import TraceRecorder
from small_training import Run

F = np.float32
REFERENCE = Run()


def record(folder: Path, name: str, run: Run) -> str:
    run.record(folder / name).close()
    return str(folder / name)


@pytest.mark.parametrize(
    ("run", "code", "words"),
    [
        (REFERENCE, 0, "equal: bitwise equal"),
        (REFERENCE.but(moves_moments=True), 0, "equal: within what rounding explains"),
        (REFERENCE.but(epsilon=1e-7), 1, "hint: epsilon may differ, by about +9.0e-08"),
        (REFERENCE.but(initial_seed=8), 3, "the initial values differ: w1, w2"),
        (REFERENCE.but(batch_order=lambda step: step + 1), 3, "the batches differ: 0, from step 1"),
    ],
    ids=["equal", "rounding", "epsilon", "start", "batches"],
)
def test_verdicts(
    run: Run, code: int, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = record(tmp_path, "old.npz", REFERENCE), record(tmp_path, "new.npz", run)
    assert main(["check", "--old", old, "--new", new]) == code
    assert words in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("changed", "code", "words"),
    [
        ({}, 0, "equal: bitwise equal"),
        ({"logits": 3.0}, 1, "differs: first at step 1, logits"),
        ({"variable": 1.001}, 1, "differs: first at step 1, variable w its update differs"),
        ({"rounding": 1}, 0, "equal: within what rounding explains"),
        ({"rounding": 1, "gradient": 1.5}, 1, "differs: first at step 1, gradient u"),
    ],
)
def test_a_mask_of_infinities_hides_nothing_and_differs_in_nothing(
    changed: dict[str, float],
    code: int,
    words: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Logits, a gradient and a variable hold -inf, which never changes, beside numbers."""

    def trace(name: str, change: dict[str, float]) -> str:
        w = np.array([-np.inf, 1, 2, 3], F)
        with TraceRecorder(tmp_path / name, every=1) as written:
            written.record_initial({"w": w, "u": np.ones(2, F)})
            for step in range(1, 6):
                w[1:] -= F(0.01) * F(change.get("variable", 1))
                if "rounding" in change:
                    w[3] = np.nextafter(w[3], F(9))
                logits = np.array([-np.inf, 1 + step, 2 * change.get("logits", 1)], F)
                gradients = {
                    "w": np.array([-np.inf, 1, 1, 1], F),
                    "u": np.array([1, change.get("gradient", 1)], F),
                }
                written.record(
                    step,
                    F(1 / step),
                    logits=logits,
                    gradients=gradients,
                    variables={"w": w, "u": np.ones(2, F)},
                )
        return str(tmp_path / name)

    old, new = trace("old.npz", {}), trace("new.npz", changed)
    assert main(["check", "--old", old, "--new", new]) == code
    assert words in " ".join(capsys.readouterr().out.split())


def test_json_has_the_documented_keys(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = record(tmp_path, "old.npz", REFERENCE)
    new = record(tmp_path, "new.npz", REFERENCE.but(learning_rate=2e-3))
    assert main(["check", "--old", old, "--new", new, "--json", "-"]) == 1
    data = json.loads(capsys.readouterr().out)
    page = (Path(__file__).parents[3] / "docs" / "compare-and-check.md").read_text()
    assert all(f"`{key}`" in page for key in data)
    # Keys of version 1 whose fields have other names.
    assert "telling_until" in data and data["noise"] == data["cancelled_gradients"]
    assert (data["schema_version"], data["exit_code"], data["verdict"]) == (1, 1, "differs")
    found = data["difference"]
    assert (found["step"], found["stage"], found["tensor"]) == (1, "variable", "w1")


def test_a_map_says_which_is_which(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def trace(name: str, names: tuple[str, str]) -> str:
        with TraceRecorder(tmp_path / name, every=1) as recorder:
            start = {n: np.full(3, i, F) for i, n in enumerate(names)}
            recorder.record_initial(start)
            recorder.record(1, F(1), gradients=start, variables=start)
        return str(tmp_path / name)

    old, new = trace("old.npz", ("a", "b")), trace("new.npz", ("y", "x"))
    written = tmp_path / "map.toml"
    assert main(["check", "--old", old, "--new", new, "--write-map", str(written)]) == 0
    assert '"a" = "y"  # ?  order of creation' in written.read_text()
    written.write_text('[variables]\n"a" = "x"\n"b" = "y"\n')
    assert main(["check", "--old", old, "--new", new, "--map", str(written)]) == 3
    written.write_text('[variables]\n"a" = "none"\n')
    assert main(["check", "--old", old, "--new", new, "--map", str(written)]) == 2
    assert "the new program has no variable 'none'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--old", "missing.npz", "--new", "missing.npz"], "missing.npz"),
        (["--old", "ls", "--new", "ls"], "expected a trace (NAME.npz) or 'python SCRIPT.py"),
        (["--old", "python none.py", "--new", "x.npz"], "expected the script none.py in"),
        (["--old", "python 'a", "--new", "x.npz"], "cannot be read"),
        (["--old", "x.npz", "--new", "x.npz", "--old-folder", "none"], "expected a folder"),
        (["--old", "x.npz"], "expected --old and --new"),
        (["--old", "x.npz", "--new", "x.npz", "--steps", "0"], "--steps: expected a number"),
    ],
)
def test_what_cannot_be_used(
    flags: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", *flags]) == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1


@pytest.mark.parametrize("name", [".", "", "/", "n" * 256])
def test_a_result_that_has_no_place(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trace = record(tmp_path, "old.npz", REFERENCE)
    for command in (["compare", trace, trace], ["check", "--old", trace, "--new", trace]):
        assert main([*command, "--json", name]) == 2
        assert capsys.readouterr().err.startswith("error: --json ")


def test_a_pipe_as_a_result_stays_a_pipe(tmp_path: Path) -> None:
    trace, link = record(tmp_path, "old.npz", REFERENCE), tmp_path / "link.json"
    assert main(["compare", trace, trace, "--json", "/dev/null"]) == 0
    assert not Path("/dev/null").is_file()
    link.symlink_to(tmp_path / "target.json")
    assert main(["compare", trace, trace, "--json", str(link)]) == 0
    assert link.is_symlink() and json.loads((tmp_path / "target.json").read_text())


def test_names_of_strangers_do_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, value in (("a", 1.0), ("b", 2.0)):
        with TraceRecorder(tmp_path / name, model="\x1b[31m", every=1) as recorder:
            tensors = {"[/red]": np.full(2, value, F), "x\n\x1b[2J": np.full(2, value, F)}
            recorder.record(1, F(1), variables=tensors)
    assert main(["compare", *(str(tmp_path / name) for name in "ab")]) == 1
    out = capsys.readouterr().out
    assert "\x1b" not in out and "[/red]" in out and "x\\n\\x1b[2J" in out
    assert shown("a" * 300).endswith("…") and "[/red]" in shown_markup("[/red]")


def test_a_whole_tensor_that_was_changed_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import zipfile

    trace = record(tmp_path, "old.npz", REFERENCE)
    changed = tmp_path / "changed.npz"
    with zipfile.ZipFile(trace) as source, zipfile.ZipFile(changed, "w") as target:
        for member in source.namelist():
            data = bytearray(source.read(member))
            if member == "whole/4/variable/w1.npy":
                data[-1] ^= 1
            target.writestr(member, bytes(data))
    assert main(["compare", trace, str(changed)]) == 2
    assert "does not have the digest recorded" in capsys.readouterr().err
    os.remove(changed)
