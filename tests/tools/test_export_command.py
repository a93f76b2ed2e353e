"""`pairs export`: what it writes, prints and refuses, and that it leaves nothing half-written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from exported import loaded_by_tf1, loaded_by_tf2
from saved import save
from shared.models import PAIRS, STYLES
from shared.tools.commands import main

POINTS = np.arange(4, dtype=np.float32)


def checkpoint(folder: Path, style: str, optimizer: str | None = None, steps: int = 1) -> Any:
    """Saves a model of the line with a ReLU, and returns it."""
    model = PAIRS["relu_regression"].create(style, optimizer)
    for _ in range(steps):
        model.train_step(POINTS, 2 * POINTS + 1)
        save(model, str(folder))
    return model


def export(*arguments: Any) -> int:
    return main(["export", "relu_regression", *map(str, arguments)])


@pytest.mark.parametrize("style", STYLES)
def test_the_newest_checkpoint_is_exported(
    style: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    model = checkpoint(Path("checkpoints", style, "relu_regression"), style, steps=3)
    assert export("--style", style[:3]) == 0
    output = capsys.readouterr()
    assert output.err == ""
    assert output.out.splitlines() == [
        f"wrote saved_models/{style}/relu_regression",
        f"from  checkpoints/{style}/relu_regression/model-3 (step 3)",
        "signature serving_default",
        "  input   inputs       float32 [batch]",
        "  output  predictions  float32 [batch]",
        "A SavedModel is a program: load only what you trust.",
    ]
    for loader in (loaded_by_tf1, loaded_by_tf2):
        with loader(f"saved_models/{style}/relu_regression") as predict:
            found = predict(inputs=POINTS)
        assert found.tobytes() == np.asarray(model.predict(POINTS)).tobytes()
    assert [file.name for file in Path("saved_models", style).iterdir()] == ["relu_regression"]


@pytest.mark.parametrize("optimizer", ["keras", "tf1"])
def test_the_optimizer_of_the_checkpoint_is_found(optimizer: str, tmp_path: Path) -> None:
    checkpoint(tmp_path / "saved", "tf2_style", optimizer)
    assert export("--checkpoint-dir", tmp_path / "saved", "--out", tmp_path / "out") == 0


def test_only_a_saved_model_is_replaced_and_only_when_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = checkpoint(tmp_path / "saved", "tf2_style")
    arguments = ["--checkpoint-dir", tmp_path / "saved", "--out", tmp_path / "out"]
    assert export(*arguments) == 0
    before = (tmp_path / "out" / "saved_model.pb").read_bytes()
    model.train_step(POINTS, POINTS)
    save(model, str(tmp_path / "saved"))
    capsys.readouterr()
    assert export(*arguments) == 2
    assert capsys.readouterr().err == (
        f"error: --out {tmp_path / 'out'}: expected a name that is free, found it taken "
        "(--force replaces a SavedModel)\n"
    )
    assert (tmp_path / "out" / "saved_model.pb").read_bytes() == before
    assert export(*arguments, "--force") == 0
    with loaded_by_tf2(str(tmp_path / "out")) as predict:
        assert predict(inputs=POINTS).tobytes() == np.asarray(model.predict(POINTS)).tobytes()
    # A folder with anything else in it, such as that of the checkpoints, is never replaced.
    capsys.readouterr()
    assert export(*arguments[:2], "--out", tmp_path / "saved", "--force") == 2
    assert capsys.readouterr().err == (
        f"error: --out {tmp_path / 'saved'}: expected a SavedModel to replace, "
        "found another thing\n"
    )
    assert (tmp_path / "saved" / "checkpoint").exists()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["out", "saved"]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_what_breaks_off_leaves_everything_as_it_was(
    error: BaseException,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    model = checkpoint(tmp_path / "saved", "tf2_style")
    arguments = ["--checkpoint-dir", tmp_path / "saved", "--out", tmp_path / "out", "--force"]
    assert export(*arguments) == 0

    def break_off(self: Any, directory: str) -> None:
        Path(directory).mkdir()
        Path(directory, "saved_model.pb").write_text("half")
        raise error

    before = (tmp_path / "out" / "saved_model.pb").read_bytes()
    monkeypatch.setattr(type(model), "export", break_off)
    capsys.readouterr()
    code = export(*arguments)
    if isinstance(error, OSError):
        assert code == 2
        assert capsys.readouterr().err == (
            f"error: --out {tmp_path / 'out'}: cannot be written: "
            "[Errno 28] No space left on device\n"
        )
    else:
        assert code == 130
    assert (tmp_path / "out" / "saved_model.pb").read_bytes() == before
    assert sorted(file.name for file in tmp_path.iterdir()) == ["out", "saved"]


def test_an_export_that_comes_second_leaves_the_first_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model = checkpoint(tmp_path / "saved", "tf2_style")
    out = tmp_path / "out"
    arguments = ["--checkpoint-dir", tmp_path / "saved", "--out", out]
    write = type(model).export

    def write_while(another: Any) -> None:
        """Lets something else happen while the next export writes."""

        def write_late(self: Any, directory: str) -> None:
            monkeypatch.setattr(type(model), "export", write)
            another()
            write(self, directory)

        monkeypatch.setattr(type(model), "export", write_late)

    first: list[bytes] = []

    def export_first() -> None:
        assert export(*arguments) == 0
        first.append((out / "fingerprint.pb").read_bytes())  # differs from export to export

    taken = f"error: --out {out}: expected a name that is free, found it taken (--force replaces"
    write_while(export_first)
    assert export(*arguments) == 2
    found = capsys.readouterr()
    assert found.err.startswith(taken) and found.err.count("\n") == 1
    assert found.out.count(f"wrote {out}\n") == 1
    assert (out / "fingerprint.pb").read_bytes() == first[0]
    write_while(lambda: export(*arguments, "--force"))
    assert export(*arguments, "--force") == 0  # asked to, each replaces the one before it
    last = (out / "fingerprint.pb").read_bytes()
    assert last != first[0]
    # To replace is allowed by --force, but still nothing other than a SavedModel.
    write_while(lambda: (out / "notes.txt").write_text("mine"))
    assert export(*arguments, "--force") == 2
    assert capsys.readouterr().err.endswith("found notes.txt in it\n")
    assert (out / "notes.txt").read_text() == "mine"
    assert (out / "fingerprint.pb").read_bytes() == last
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "saved"]


def test_what_cannot_be_exported_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, nothing, saved = tmp_path / "out", tmp_path / "nothing", tmp_path / "saved"
    (tmp_path / "file").write_text("mine")
    checkpoint(saved, "tf1_style")
    checkpoint(tmp_path / "damaged", "tf2_style")
    data = next((tmp_path / "damaged").glob("*.data-*"))
    data.write_bytes(data.read_bytes()[:9])
    for arguments, message in (
        (["--checkpoint-dir", nothing], f"--checkpoint-dir {nothing}: expected a checkpoint saved"),
        (["--checkpoint-dir", saved], "expected a checkpoint of tf2_style, found one of tf1_style"),
        (["--checkpoint-dir", tmp_path / "damaged"], "damaged: expected an intact checkpoint"),
    ):
        assert export(*arguments, "--out", out) == 2
        error = capsys.readouterr().err
        assert error.startswith("error: ") and message in error and error.count("\n") == 1, error
    below = tmp_path / "file" / "out"
    assert export("--checkpoint-dir", saved, "--style", "tf1", "--out", below) == 2
    assert capsys.readouterr().err == (
        f"error: --out {below}: expected a folder to write in, found a file: {tmp_path / 'file'}\n"
    )
    assert main(["export", "alexnet"]) == 2
    assert "MODEL: expected one of linear_regression" in capsys.readouterr().err
    assert not out.exists()


def test_a_saved_model_with_somebodys_file_in_it_is_not_replaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint(tmp_path / "saved", "tf2_style")
    arguments = ["--checkpoint-dir", tmp_path / "saved", "--out", tmp_path / "out", "--force"]
    assert export(*arguments) == 0
    (tmp_path / "out" / "notes.txt").write_text("mine")
    capsys.readouterr()
    assert export(*arguments) == 2
    error = capsys.readouterr().err
    assert error.endswith("expected nothing but a SavedModel to replace, found notes.txt in it\n")
    assert (tmp_path / "out" / "notes.txt").read_text() == "mine"
