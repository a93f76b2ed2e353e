"""A disk that is full: training goes on where summaries alone are lost, else one line says it."""

from __future__ import annotations

import contextlib
import resource
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import forked_python
import shared.tensorflow_loading  # noqa: F401  before TensorFlow is imported
from shared.models import STYLES
from shared.program.log_dir import LosableWriter, quiet_event_thread
from tf2_style import mlp_fit


@contextlib.contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Lets no file of this process grow beyond a size, as a disk that is full does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


# In a process of its own: TensorFlow 2 keeps a writer whose last flush failed as the default one.
PROGRAM = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, resource.RLIM_INFINITY))
import shared.tensorflow_loading
from STYLE.relu_regression import PROGRAM
sys.exit(PROGRAM.main(sys.argv[1:]))
"""


@pytest.mark.parametrize("style", STYLES)
def test_training_goes_on_without_summaries(style: str, tmp_path: Path) -> None:
    # A checkpoint has 1,000 bytes at most, the events have more than 10,000.
    program = [sys.executable, "-c", PROGRAM.replace("STYLE", style), "train", "--steps=300"]
    folders = [f"--checkpoint-dir={tmp_path / 'saved'}", f"--log-dir={tmp_path / 'logs'}"]
    done = forked_python.run([*program, "--report-every=5", *folders])
    warnings = [line for line in done.stdout.splitlines() if line.startswith("warning")]
    assert done.returncode == 0 and "Traceback" not in done.stderr
    assert warnings == [
        f"warning: --log-dir {tmp_path / 'logs'}: cannot write: File too large; "
        "training goes on without summaries"
    ]
    assert (tmp_path / "saved" / "model-300.record").exists()


def test_a_mistake_in_a_summary_is_no_full_disk(tmp_path: Path) -> None:
    def create() -> None:
        raise ValueError("a mistake")

    with pytest.raises(ValueError, match="a mistake"):
        LosableWriter(create, str(tmp_path), print)


def test_only_the_thread_of_events_is_quiet() -> None:
    seen: list[str] = []
    before = threading.excepthook

    def note(found: threading.ExceptHookArgs) -> None:
        assert found.thread is not None
        seen.append(found.thread.name)

    threading.excepthook = note
    try:
        with quiet_event_thread():
            for name in ("EventLoggerThread", "another"):
                thread = threading.Thread(target=lambda: 1 / 0, name=name)
                thread.start()
                thread.join()
    finally:
        threading.excepthook = before
    assert seen == ["another"]


@pytest.mark.slow
def test_a_model_of_keras_that_cannot_be_saved_leaves_the_one_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def train(steps: int) -> int:
        folder = ["--checkpoint-dir", str(tmp_path / "saved")]
        return mlp_fit.main(["train", "--steps", str(steps), *folder])

    assert train(1) == 0
    (model,) = (file for file in (tmp_path / "saved").iterdir() if file.suffix == ".keras")
    before = model.read_bytes()
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "saved" / "unfinished.keras").symlink_to(tmp_path / "precious")
    capsys.readouterr()
    with files_of_at_most(100_000):
        assert train(2) == 2
    assert capsys.readouterr().err == f"error: {model}: cannot be saved: File too large\n"
    assert [file.name for file in (tmp_path / "saved").iterdir()] == [model.name]
    assert model.read_bytes() == before
    assert (tmp_path / "precious").read_text() == "precious"
