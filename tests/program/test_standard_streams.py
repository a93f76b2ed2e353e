"""Output that cannot be written, streams that are missing, Keras's settings, and loading."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import forked_python
from shared.program.display import one_line
from shared.tensorflow_loading import pin_keras

ROOT = Path(__file__).resolve().parents[2]


def pairs(arguments: str, redirection: str = "") -> subprocess.CompletedProcess[str]:
    command = f'"{sys.executable}" -m shared.tools.commands {arguments} {redirection}'
    return subprocess.run(
        command, shell=True, cwd=ROOT, capture_output=True, text=True, executable="/bin/bash"
    )


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device of Linux")
def test_a_full_disk_is_one_line() -> None:
    done = pairs("pitfalls", "> /dev/full")
    assert done.returncode == 2
    assert done.stderr == "error: standard output: cannot write: No space left on device\n"


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-"])
def test_a_closed_stream_is_no_error(closed: str) -> None:
    done = pairs("pitfalls", closed)
    assert done.returncode == 0
    assert done.stderr == ""


def test_the_version_and_no_command_at_all() -> None:
    assert pairs("--version").stdout.startswith("pairs ")
    bare = pairs("")
    assert bare.returncode == 0
    assert "commands:" in bare.stdout


def test_another_backend_and_other_settings_are_named_and_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "keras.json").write_text('{"floatx": "float64", "epsilon": 1e-07}')
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    first, second = pin_keras()
    assert "'torch'" in first
    assert "floatx 'float64'" in second and "epsilon" not in second
    assert os.environ["KERAS_BACKEND"] == "tensorflow"
    assert not list(Path(os.environ["KERAS_HOME"]).glob("keras.json"))
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    assert pin_keras() == []


def test_a_message_stays_one_line() -> None:
    assert one_line("a\nb\x1b[31m") == "a b\\x1b[31m"


# JAX and SciPy are installed with the peers of the benchmarks only; the packages left out may be
# imported afterwards.
LEFT_OUT = """
import importlib, importlib.util, sys
import shared.tensorflow_loading
names = ("jax", "matplotlib", "scipy")
print([name for name in names if name in sys.modules])
installed = [name for name in names if importlib.util.find_spec(name)]
print(all(importlib.import_module(name).__version__ for name in installed))
import keras, matplotlib.pyplot
print(keras.Model.__name__, matplotlib.pyplot.Figure.__name__)
"""


def test_tensorflow_loads_without_what_nothing_here_uses() -> None:
    # Each import of TensorFlow would take half as long again, that of each script among them.
    done = forked_python.run([sys.executable, "-c", LEFT_OUT], check=True)
    assert done.stdout == "[]\nTrue\nModel Figure\n"
