"""A trace holds exactly what was recorded, or there is no trace."""

from __future__ import annotations

import ast
import hashlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared import trace_recorder as trace_module
from shared.trace_recorder import (
    DTYPES,
    FORMAT,
    RECORD,
    Trace,
    TraceFileError,
    TraceRecorder,
    read_trace,
)
from tf115_environment import require_tf115

F = np.float32
ROOT = Path(__file__).resolve().parents[2]
SOURCE = Path(trace_module.__file__)
DOCUMENT = ROOT / "docs" / "trace-format.md"


def weights_at(step: int) -> np.ndarray:
    return np.random.RandomState(step).normal(size=(3, 4)).astype(F)


def record_steps(path: Path, count: int, **options: Any) -> None:
    with TraceRecorder(path, model="line", **options) as recorder:
        recorder.record_initial({"weights": weights_at(0)}, {"weights/m": np.zeros((3, 4), F)})
        for step in range(1, count + 1):
            recorder.record(
                step,
                F(1) / F(step),
                batch=[np.arange(step), np.array([step], float)],
                logits=weights_at(step) * 2,
                gradients={"weights": weights_at(step) * 3},
                slots={"weights/m": weights_at(step) * 4},
                variables={"weights": weights_at(step), "global_step": np.int64(step)},
            )


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("trace") / "line.npz"
    record_steps(path, 7)
    return path


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# ---- what is recorded -----------------------------------------------------------------------


def test_losses_keep_their_bits_and_dtype(recorded: Path) -> None:
    with read_trace(recorded) as trace:
        assert trace.steps.tolist() == list(range(1, 8))
        assert trace.losses.dtype == F and trace.loss_dtype == "float32"
        assert trace.losses.tolist() == [float(F(1) / F(step)) for step in range(1, 8)]


def test_tensors_are_listed_in_the_order_of_recording(recorded: Path) -> None:
    with read_trace(recorded) as trace:
        assert [(t.stage, t.name, t.dtype, t.shape) for t in trace.tensors] == [
            ("initial", "variable/weights", "float32", (3, 4)),
            ("initial", "slot/weights/m", "float32", (3, 4)),
            ("batch", "0", "int64", (None,)),
            ("batch", "1", "float64", (1,)),
            ("logits", "logits", "float32", (3, 4)),
            ("gradient", "weights", "float32", (3, 4)),
            ("slot", "weights/m", "float32", (3, 4)),
            ("variable", "weights", "float32", (3, 4)),
            ("variable", "global_step", "int64", ()),
        ]


def test_each_step_leaves_size_norm_and_digest(recorded: Path) -> None:
    with read_trace(recorded) as trace:
        records = trace.records("variable", "weights")
    assert records["step"].tolist() == list(range(1, 8))
    assert set(records["size"]) == {12}
    for step, record in enumerate(records, 1):
        weights = weights_at(step)
        expected = np.linalg.norm(weights.astype(np.float64))
        # Two sums of 12 squares in float64, in another order: at most 12 * 2**-53 apart each.
        assert abs(record["norm"] - expected) <= 24 * 2.0**-53 * expected
        summer = hashlib.sha256(b"float32 [3, 4]\0" + weights.tobytes())
        assert record["digest"].tobytes() == summer.digest()[:16]


def test_the_norm_of_a_large_tensor() -> None:
    array = np.random.RandomState(0).normal(size=(123, 457)).astype(F)
    expected = np.linalg.norm(array.astype(np.float64))
    # Two float64 sums of n squares: each within n * 2**-53, whatever the order.
    assert abs(trace_module.norm(array, "float32") / expected - 1) <= 2 * array.size * 2.0**-53


@pytest.mark.parametrize("cores", [1, 2, 5])
def test_large_tensors_are_measured_side_by_side_to_the_same_records(
    cores: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trace_module, "_cores", lambda: cores)
    large = np.random.RandomState(0).normal(size=(700, 800))
    tensors: dict[str, np.ndarray] = {
        "float64": large,
        "float32": large.astype(F),
        "transposed": large.astype(F).T,
        "int64": large.astype(np.int64),
        "small": large[:3, :3].astype(F),
    }
    with TraceRecorder(tmp_path / "a.npz") as recorder:
        for step in (1, 2):
            kept = {name: value * step for name, value in tensors.items()}
            recorder.record(step, F(1), batch=kept, variables=kept)
    trace = read_trace(tmp_path / "a.npz")
    for stage in ("batch", "variable"):
        for name, value in tensors.items():
            records = trace.records(stage, name)
            for step in (1, 2):
                array, dtype = trace_module.as_storable(value * step, name)
                assert records[step - 1]["digest"].tobytes() == trace_module.digest(array, dtype)
                assert records[step - 1]["norm"] == trace_module.norm(array, dtype)


def test_digests_tell_bits_shape_and_dtype_apart() -> None:
    ones = np.ones((2, 3), F)
    variants = [ones, ones.reshape(3, 2), ones.view(np.int32), -ones * 0, ones * 0]
    digests = set()
    for variant in variants:
        digests.add(trace_module.digest(*trace_module.as_storable(variant, "variant")))
    assert len(digests) == len(variants)


def test_byte_order_and_layout_do_not_matter() -> None:
    array = weights_at(1)
    same = [
        array,
        array.astype(">f4"),
        np.asfortranarray(array),
        np.repeat(array, 2, axis=1)[:, ::2],
    ]
    digests = {trace_module.digest(*trace_module.as_storable(a, "a")) for a in same}
    assert len(digests) == 1


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        ({}, [1, 7]),
        ({"every": 3}, [1, 3, 6, 7]),
        ({"steps": [2, 5]}, [1, 2, 5, 7]),
        ({"every": 4, "steps": [7, 900]}, [1, 4, 7]),
    ],
)
def test_whole_tensors_are_kept_at_the_steps_asked_for(
    options: dict[str, Any], kept: list[int], tmp_path: Path
) -> None:
    record_steps(tmp_path / "a.npz", 7, **options)
    with read_trace(tmp_path / "a.npz") as trace:
        assert trace.whole_steps("variable", "weights") == kept
        for step in kept:
            assert np.array_equal(trace.whole("variable", "weights", step), weights_at(step))
        assert trace.whole("batch", "0", 7).tolist() == list(range(7))
        assert trace.whole("initial", "variable/weights", 0).tolist() == weights_at(0).tolist()
        with pytest.raises(KeyError, match="variable weights was not kept whole at step 99"):
            trace.whole("variable", "weights", 99)


def test_the_last_tensor_is_a_copy(tmp_path: Path) -> None:
    weights = np.zeros(4, F)
    with TraceRecorder(tmp_path / "a.npz") as recorder:
        for step in (1, 2, 3):
            weights += 1
            recorder.record(step, F(0), variables={"weights": weights})
        weights += 100  # the caller goes on
    with read_trace(tmp_path / "a.npz") as trace:
        assert trace.whole("variable", "weights", 3).tolist() == [3, 3, 3, 3]


def test_a_tensor_may_be_recorded_at_some_steps_only(tmp_path: Path) -> None:
    with TraceRecorder(tmp_path / "a.npz") as recorder:
        for step in range(1, 11):
            variables = {"weights": weights_at(step)} if step % 4 == 0 else {}
            recorder.record(step, F(step), variables=variables)
    with read_trace(tmp_path / "a.npz") as trace:
        assert trace.records("variable", "weights")["step"].tolist() == [4, 8]
        assert trace.whole_steps("variable", "weights") == [4, 8]
        assert len(trace.losses) == 10


@pytest.mark.parametrize("dtype", [name for name in DTYPES if name != "bfloat16"])
@pytest.mark.parametrize("shape", [(), (0, 3), (2, 3)])
def test_dtypes_and_shapes_come_back(dtype: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    array = (np.arange(np.prod(shape, dtype=int)).reshape(shape) % 2).astype(dtype)
    with TraceRecorder(tmp_path / "a.npz") as recorder:
        recorder.record(1, F(0), variables={"x": array})
    with read_trace(tmp_path / "a.npz") as trace:
        kept = trace.whole("variable", "x", 1)
    assert kept.dtype == array.dtype and kept.shape == shape and np.array_equal(kept, array)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int64", "bool"])
@pytest.mark.parametrize("size", [1, 3, 9000])  # more than a part of which the norm is summed
@pytest.mark.parametrize("kept", [{"every": 4, "steps": [1, 7]}, {"keep_batches": True}])
def test_several_steps_at_once_leave_the_same_trace(
    dtype: str, size: int, kept: dict[str, Any], tmp_path: Path
) -> None:
    pytest.importorskip("ml_dtypes")  # gives NumPy bfloat16
    rows = np.random.RandomState(0).normal(size=(20, size)).astype(dtype)
    scalars = np.arange(20, dtype=dtype if dtype != "bool" else "int8") / np.ones((), "int8")
    large = np.zeros((20, trace_module._LARGE // 4), F) + np.arange(20, dtype=F)[:, np.newaxis]
    stacked = {"batch": {"x": rows}, "logits": {"one": rows, "two": large}, "slots": {"s": scalars}}
    with TraceRecorder(tmp_path / "a.npz", **kept) as recorder:
        recorder.record_initial({"v": rows[0]})
        for step in range(1, 21):
            of_step = {
                stage: {name: value[step - 1] for name, value in tensors.items()}
                for stage, tensors in stacked.items()
            }
            recorder.record(step, F(step), variables={"v": rows[-step]}, **of_step)
    with TraceRecorder(tmp_path / "b.npz", **kept) as recorder:
        recorder.record_initial({"v": rows[0]})
        for steps in (range(1, 2), range(2, 12), range(12, 21)):
            part: dict[str, Any] = {
                stage: {name: value[steps[0] - 1 : steps[-1]] for name, value in tensors.items()}
                for stage, tensors in stacked.items()
            }
            last = rows[::-1][steps[0] - 1 : steps[-1]]
            recorder.record_steps(steps, np.array(steps, F), variables={"v": last}, **part)
    a, b = (dict(np.load(tmp_path / name)) for name in ("a.npz", "b.npz"))
    assert a.keys() == b.keys()
    for name in a:
        assert a[name].tobytes() == b[name].tobytes(), name


@pytest.mark.parametrize("changed", ["", "small", "odd", "large"])
@pytest.mark.parametrize("count", [6, 4])
def test_known_tensors_leave_the_same_trace_unless_a_bit_is_another(
    changed: str, count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known: dict[str, Any] = {
        "small": np.random.RandomState(0).normal(size=(6, 5)).astype(F),
        "odd": np.arange(18, dtype=np.int8).reshape(6, 3),  # no multiple of eight bytes
        "large": np.zeros((6, trace_module._LARGE // 4), F),
    }
    now = {name: rows[:count].copy() for name, rows in known.items()}
    if changed:
        now[changed][3].view(np.uint8)[-1] ^= 1
    with TraceRecorder(tmp_path / "known.npz") as recorder:
        found = recorder.record_steps(range(1, 7), np.zeros(6, F), variables=known)
    hashed = []
    for name, of in (("digest", lambda rows: rows), ("_digests", lambda rows: rows[0])):
        function = getattr(trace_module, name)

        def noted(rows: Any, dtype: str, function: Any = function, of: Any = of) -> Any:
            hashed.append(of(rows).shape)
            return function(rows, dtype)

        monkeypatch.setattr(trace_module, name, noted)
    for name, told in (("with.npz", found), ("without.npz", None)):
        with TraceRecorder(tmp_path / name) as recorder:
            recorder.record_steps(
                range(1, count + 1), np.zeros(count, F), variables=now, known=told
            )
        if told:
            assert set(hashed) == ({now[changed].shape[1:]} if changed else set())
    assert (tmp_path / "with.npz").read_bytes() == (tmp_path / "without.npz").read_bytes()
    with TraceRecorder(tmp_path / "later.npz") as recorder:  # known of other steps
        again = recorder.record_steps(range(2, 8), np.zeros(6, F), variables=known, known=found)
    assert again["variable", "odd"][1] != found["variable", "odd"][1]
    assert np.frombuffer(again["variable", "odd"][1], RECORD)["step"].tolist() == [*range(2, 8)]


def test_several_steps_at_once_are_refused_as_one_is(tmp_path: Path) -> None:
    with TraceRecorder(tmp_path / "a.npz") as recorder:
        recorder.record_steps([1, 2], np.zeros(2, F), variables={"x": np.zeros((2, 3), F)})
        with pytest.raises(TraceFileError, match="step 2 comes after step 2"):
            recorder.record_steps([2, 3], np.zeros(2, F))
        with pytest.raises(TraceFileError, match=r"x at step 3 is float64 \[3\], but was float32"):
            recorder.record_steps([3, 4], np.zeros(2, F), variables={"x": np.zeros((2, 3))})
        with pytest.raises(TraceFileError, match="steps must increase"):
            recorder.record_steps([6, 5], np.zeros(2, F))


def test_bfloat16_is_kept_as_bits(tmp_path: Path) -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes")
    array = np.array([[1, -2.5], [3, 0.1]], ml_dtypes.bfloat16)
    with TraceRecorder(tmp_path / "a.npz") as recorder:
        recorder.record(1, array[0, 0], variables={"x": array})
    with read_trace(tmp_path / "a.npz") as trace:
        bits = trace.whole("variable", "x", 1)
        assert (trace.tensors[0].dtype, trace.loss_dtype) == ("bfloat16", "bfloat16")
        assert np.array_equal(bits, array.view(np.uint16))
        widened = trace_module.as_float64(bits, "bfloat16")
    assert np.array_equal(widened, array.astype(np.float64))


def test_nan_shows_in_the_norm(tmp_path: Path) -> None:
    with TraceRecorder(tmp_path / "a.npz") as recorder:
        recorder.record(1, F(0), variables={"x": np.array([1, np.nan]), "y": np.array([1, np.inf])})
    with read_trace(tmp_path / "a.npz") as trace:
        assert np.isnan(trace.records("variable", "x")["norm"][0])
        assert np.isinf(trace.records("variable", "y")["norm"][0])


def test_meta_says_what_ran(tmp_path: Path) -> None:
    recorder = TraceRecorder(
        tmp_path / "a.npz",
        model="cnn",
        style="tf1_style",
        runtime="Session",
        device="CPU",
        threads=2,
        flags={"steps": 3},
        versions={"tensorflow": "1.15.5"},
    )
    recorder.close()
    with read_trace(tmp_path / "a.npz") as trace:
        meta = trace.meta
    assert [meta[key] for key in ("model", "style", "runtime", "device", "threads", "flags")] == [
        "cnn",
        "tf1_style",
        "Session",
        "CPU",
        2,
        {"steps": 3},
    ]
    assert meta["versions"]["numpy"] == np.__version__
    assert meta["versions"]["tensorflow"] == "1.15.5"
    assert meta["loss_dtype"] is None and meta["tensors"] == []


def test_the_same_run_makes_the_same_file(recorded: Path, tmp_path: Path) -> None:
    record_steps(tmp_path / "again.npz", 7)
    assert (tmp_path / "again.npz").read_bytes() == recorded.read_bytes()


def test_plain_numpy_reads_every_member_without_pickles(recorded: Path) -> None:
    with np.load(recorded, allow_pickle=False) as members:
        arrays = {name: members[name] for name in members.files}
    assert json.loads(str(arrays["meta"]))["format"] == FORMAT
    assert arrays["variable/weights"].dtype == RECORD
    assert np.array_equal(arrays["whole/7/variable/weights"], weights_at(7))


# ---- what the recorder refuses --------------------------------------------------------------


def record_twice(recorder: TraceRecorder, first: dict[str, Any], second: dict[str, Any]) -> None:
    recorder.record(**dict({"step": 1, "loss": F(0)}, **first))
    recorder.record(**dict({"step": 2, "loss": F(0)}, **second))


def record_initial_late(recorder: TraceRecorder) -> None:
    recorder.record(1, F(0))
    recorder.record_initial({"x": F(0)})


REFUSED: dict[str, tuple[Callable[[TraceRecorder], None], str]] = {
    "steps that do not increase": (
        lambda r: record_twice(r, {"step": 2}, {"step": 2}),
        "step 2 comes after step 2; steps must increase",
    ),
    "a negative step": (lambda r: r.record(-1, F(0)), "a step is 0 or above, found -1"),
    "a step of 1.5": (lambda r: r.record(1.5, F(0)), "a step is a whole number, found 1.5"),  # type: ignore[arg-type]
    "initial values too late": (
        record_initial_late,
        "step 0 comes after step 1",
    ),
    "a loss for each example": (
        lambda r: r.record(1, np.zeros(3, F)),
        "loss at step 1: expected a floating-point scalar, found float32 [3]",
    ),
    "an integer loss": (lambda r: r.record(1, np.int32(3)), "found int32 []"),
    "another dtype of loss": (
        lambda r: record_twice(r, {}, {"loss": 0.0}),
        "loss at step 2 is float64, but was float32 before",
    ),
    "complex numbers": (
        lambda r: r.record(1, F(0), variables={"x": np.array([1j])}),
        "variable x at step 1: dtype complex128 cannot be recorded",
    ),
    "objects": (
        lambda r: r.record(1, F(0), variables={"x": [{}]}),
        "variable x at step 1: dtype object cannot be recorded",
    ),
    "another dtype": (
        lambda r: record_twice(
            r, {"variables": {"x": np.zeros(2, F)}}, {"variables": {"x": np.zeros(2)}}
        ),
        "variable x at step 2 is float64 [2], but was float32 [2] before",
    ),
    "another rank": (
        lambda r: record_twice(r, {"logits": np.zeros((2, 1), F)}, {"logits": np.zeros(2, F)}),
        "logits logits at step 2 is float32 [2], but was float32 [2, 1] before",
    ),
    "an array as batch": (
        lambda r: r.record(1, F(0), batch=np.zeros((2, 3), F)),  # type: ignore[arg-type]
        "batch: expected a list of arrays, found ndarray",
    ),
    "no name": (lambda r: r.record(1, F(0), variables={"": F(0)}), "a name needs letters"),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_the_recorder_refuses(fault: str, tmp_path: Path) -> None:
    act, message = REFUSED[fault]
    with (
        pytest.raises(TraceFileError, match=re.escape(message)),
        TraceRecorder(tmp_path / "a.npz") as recorder,
    ):
        act(recorder)
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"every": 0}, "every: expected a number of steps above 0, found 0"),
        ({"steps": [-2]}, "a step is 0 or above, found -2"),
        ({"flags": {"x": object()}}, "JSON cannot hold them"),
    ],
)
def test_bad_options_leave_nothing(options: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(TraceFileError, match=message):
        TraceRecorder(tmp_path / "a.npz", **options)
    assert leftovers(tmp_path) == []


def test_a_folder_that_cannot_be_written_to_is_found_before_training(tmp_path: Path) -> None:
    with pytest.raises(TraceFileError, match=r"cannot write the trace .*missing/a\.npz: No such"):
        TraceRecorder(tmp_path / "missing" / "a.npz")
    with pytest.raises(TraceFileError, match="it is a folder"):
        TraceRecorder(tmp_path)


def test_a_closed_recorder_takes_no_more(tmp_path: Path) -> None:
    recorder = TraceRecorder(tmp_path / "a.npz")
    recorder.close()
    recorder.close()
    with pytest.raises(TraceFileError, match="the recorder is closed"):
        recorder.record(1, F(0))


# ---- complete or absent ---------------------------------------------------------------------


def test_an_exception_keeps_the_older_trace(tmp_path: Path) -> None:
    record_steps(tmp_path / "a.npz", 2)
    older = (tmp_path / "a.npz").read_bytes()
    with pytest.raises(KeyboardInterrupt), TraceRecorder(tmp_path / "a.npz") as recorder:
        recorder.record(1, F(0), variables={"x": np.ones(1, F)})
        raise KeyboardInterrupt
    assert leftovers(tmp_path) == ["a.npz"]
    assert (tmp_path / "a.npz").read_bytes() == older


def run_alone(folder: Path, program: str, python: str = sys.executable) -> subprocess.Popen[str]:
    """Run a program beside a copy of the one file, with nothing else of the project to import."""
    shutil.copy(SOURCE, folder / "copied_trace.py")
    return subprocess.Popen(
        [python, "-c", program],
        cwd=folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"PATH": os.environ["PATH"]},
    )


def test_a_killed_process_leaves_no_trace(tmp_path: Path) -> None:
    program = """
import numpy, copied_trace
recorder = copied_trace.TraceRecorder("a.npz", every=1)
step = 0
while True:
    step += 1
    recorder.record(step, 0.5, variables={"x": numpy.zeros(1000)})
    if step == 50: print("running", flush=True)
"""
    process = run_alone(tmp_path, program)
    assert process.stdout is not None and process.stdout.readline() == "running\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    (partial,) = (path for path in tmp_path.iterdir() if path.name.startswith("a.npz"))
    assert partial.name == f"a.npz.{process.pid}.partial"
    with pytest.raises(TraceFileError, match="is not a whole trace"):
        read_trace(partial)


LONG = """
import numpy, copied_trace
try:
    with copied_trace.TraceRecorder("a.npz") as recorder:
        for step in range(1, 1001):
            recorder.record(step, 0.5, variables={"x": numpy.zeros(1000)})
except copied_trace.TraceFileError as error:
    print(error)
"""
LIMITED = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
"""


@pytest.fixture(scope="module")
def long_size(tmp_path_factory: pytest.TempPathFactory) -> int:
    folder = tmp_path_factory.mktemp("long")
    assert run_alone(folder, LONG).communicate() == ("", "")
    return (folder / "a.npz").stat().st_size


@pytest.mark.parametrize("share", [0.02, 0.25, 0.8, 1])
def test_a_full_disk_leaves_nothing(share: float, long_size: int, tmp_path: Path) -> None:
    """It strikes in the first tensor, in the spool, while completing, and at the last byte."""
    program = LIMITED.format(limit=int(share * long_size) - 1) + LONG
    output, errors = run_alone(tmp_path, program).communicate()
    assert (output, errors) == ("cannot write the trace a.npz: File too large\n", "")
    assert leftovers(tmp_path) == ["__pycache__", "copied_trace.py"]


# ---- what the reader refuses ----------------------------------------------------------------


@pytest.fixture
def refused(tmp_path: Path) -> Iterator[Callable[[bytes, str], None]]:
    def check(data: bytes, message: str) -> None:
        path = tmp_path / "bad.npz"
        path.write_bytes(data)
        with pytest.raises(TraceFileError, match=message) as error:
            read_trace(path)
        assert str(path) in str(error.value) and "\n" not in str(error.value)

    yield check


def npz(**arrays: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **arrays)  # type: ignore[arg-type]
    return stream.getvalue()


def remade(recorded: Path, member: str, data: bytes | None) -> bytes:
    """The recorded trace with one member replaced, or left out."""
    stream = io.BytesIO()
    with zipfile.ZipFile(recorded) as old, zipfile.ZipFile(stream, "w") as new:
        for name in old.namelist():
            if name != member:
                new.writestr(name, old.read(name))
        if data is not None:
            new.writestr(member, data)
    return stream.getvalue()


def npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array)
    return stream.getvalue()


def changed_meta(recorded: Path, **changes: Any) -> bytes:
    with read_trace(recorded) as trace:
        meta = dict(trace.meta, **changes)
    return remade(recorded, "meta.npy", npy(np.array(json.dumps(meta))))


def test_missing_empty_and_foreign_files(
    refused: Callable[[bytes, str], None], tmp_path: Path
) -> None:
    with pytest.raises(TraceFileError, match=r"cannot read the trace .*: No such file"):
        read_trace(tmp_path / "none.npz")
    with pytest.raises(TraceFileError, match="cannot read the trace"):
        read_trace(tmp_path)
    refused(b"", "is not a whole trace: File is not a zip file")
    refused(b"not a zip at all", "is not a whole trace: File is not a zip file")
    refused(npz(weights=weights_at(1)), "it has no member `meta`")
    refused(npz(meta=np.array("{}")), f"its `meta` does not say '{FORMAT}'")
    refused(npz(meta=np.array("][")), "is not a whole trace")
    refused(npz(meta=weights_at(1)), "is not a whole trace")


def test_another_version_and_inconsistent_content(
    refused: Callable[[bytes, str], None], recorded: Path
) -> None:
    refused(changed_meta(recorded, version=2), "version 2, this program reads 1")
    refused(changed_meta(recorded, tensors=[{"stage": "x"}]), "is not a whole trace")
    unknown = {"stage": "x", "name": "y", "dtype": "float32", "shape": []}
    refused(changed_meta(recorded, tensors=[unknown]), "lists a tensor of unknown kind")
    refused(remade(recorded, "variable/weights.npy", None), "variable/weights")
    refused(remade(recorded, "loss.npy", npy(np.zeros(3))), "loss: expected")
    with read_trace(recorded) as trace:
        records = trace.records("variable", "weights")
    backwards = npy(records[::-1].copy())
    refused(remade(recorded, "variable/weights.npy", backwards), "its steps do not increase")
    later = records.copy()
    later["step"] += 100
    refused(remade(recorded, "variable/weights.npy", npy(later)), "steps that the loss has not")
    other = remade(recorded, "whole/1/variable/weights.npy", None)
    refused(
        remade_bytes(other, "whole/99/variable/weights.npy", npy(weights_at(1))),
        "is whole at a step not recorded",
    )


def remade_bytes(data: bytes, member: str, content: bytes) -> bytes:
    stream = io.BytesIO(data)
    with zipfile.ZipFile(stream, "a") as archive:
        archive.writestr(member, content)
    return stream.getvalue()


class Explosive:
    """Its pickle writes a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.write_text, (self.path, "boom")


@pytest.mark.parametrize("member", ["meta", "loss", "variable/weights"])
def test_nothing_pickled_is_ever_loaded(
    member: str, refused: Callable[[bytes, str], None], recorded: Path, tmp_path: Path
) -> None:
    stream = io.BytesIO()
    explosive = np.array([Explosive(tmp_path / "boom")], object)
    np.lib.format.write_array(stream, explosive, allow_pickle=True)
    refused(remade(recorded, f"{member}.npy", stream.getvalue()), "Python objects")
    assert not (tmp_path / "boom").exists()
    np.load(io.BytesIO(stream.getvalue()), allow_pickle=True)
    assert (tmp_path / "boom").exists()  # it would have


def test_a_header_that_promises_too_much_takes_no_memory(
    refused: Callable[[bytes, str], None], recorded: Path
) -> None:
    data = npy(np.zeros(3)).replace(b"(3,), }" + b" " * 10, b"(99999999999999,), }"[:17])
    assert b"(99999999999999" in data
    refused(remade(recorded, "loss.npy", data), "is not a whole trace")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("small") / "a.npz"
    with TraceRecorder(path) as recorder:
        recorder.record(1, F(0.5), variables={"x": np.array([1, 2], F)})
    return path.read_bytes()


def content(path: Path) -> tuple[Any, ...]:
    """All numbers of a trace."""
    with read_trace(path) as trace:
        tensors = [
            (t, trace.records(t.stage, t.name).tobytes(), trace.whole(t.stage, t.name, 1).tobytes())
            for t in trace.tensors
        ]
        return trace.meta, trace.steps.tolist(), trace.losses.tobytes(), tensors


@pytest.mark.slow
def test_a_trace_cut_anywhere_is_refused(small: bytes, tmp_path: Path) -> None:
    path = tmp_path / "cut.npz"
    for length in range(len(small)):
        path.write_bytes(small[:length])
        with pytest.raises(TraceFileError):
            read_trace(path)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_changed_byte_is_refused_or_harmless(
    small: bytes, tmp_path: Path, data: st.DataObject
) -> None:
    """Harmless ones exist: the archive notes each member's time and permissions, say."""
    position = data.draw(st.integers(0, len(small) - 1))
    flipped = small[position] ^ data.draw(st.integers(1, 255))
    (tmp_path / "whole.npz").write_bytes(small)
    path = tmp_path / "flipped.npz"
    path.write_bytes(small[:position] + bytes([flipped]) + small[position + 1 :])
    try:
        found = content(path)
    except TraceFileError:
        return
    assert found == content(tmp_path / "whole.npz")


# ---- memory ---------------------------------------------------------------------------------


def peak_bytes(path: Path, steps: int) -> int:
    tensors = {f"x{number}": np.zeros(8, F) for number in range(4)}
    tracemalloc.start()
    with TraceRecorder(path) as recorder:
        for step in range(1, steps + 1):
            recorder.record(step, F(0), variables=tensors)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


@pytest.mark.slow
def test_memory_does_not_grow_with_the_steps(tmp_path: Path) -> None:
    """2,000 steps fill every buffer (16 KiB: 409 records); 4,000 more must go to disk.

    They are 4 * 4,000 records of 40 bytes, 640 KB, and would be more as Python objects. What may
    grow is the index of spooled blocks, about 40 entries of some 150 bytes: a tenth is generous.
    """
    peak_bytes(tmp_path / "warm.npz", 10)
    grown = peak_bytes(tmp_path / "b.npz", 6000) - peak_bytes(tmp_path / "a.npz", 2000)
    assert grown < 64_000


def test_spooled_records_come_back_in_order(tmp_path: Path) -> None:
    with TraceRecorder(tmp_path / "a.npz") as recorder:
        for step in range(1, 2001):
            recorder.record(step, F(step), variables={"x": F(step), "y": F(-step)})
    with read_trace(tmp_path / "a.npz") as trace:
        assert trace.losses.tolist() == list(range(1, 2001))
        for name in "xy":
            assert trace.records("variable", name)["step"].tolist() == list(range(1, 2001))
            assert trace.records("variable", name)["norm"].tolist() == list(range(1, 2001))
        assert trace.whole("variable", "y", 2000) == -2000


# ---- one file, for old Pythons too ----------------------------------------------------------


def test_it_imports_only_numpy_and_the_standard_library() -> None:
    tree = ast.parse(SOURCE.read_text(), feature_version=(3, 6))  # refuses later syntax
    modules = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            modules.add((node.module or "").split(".")[0])
    assert "__future__" not in modules  # annotations: from 3.7 on
    assert modules - set(sys.stdlib_module_names) == {"numpy"}


ALONE = """
import numpy, copied_trace
with copied_trace.TraceRecorder("a.npz", model="old", every=2) as recorder:
    recorder.record_initial({"x": numpy.float32([1, 2])})
    for step in (1, 2, 3):
        recorder.record(step, numpy.float32(0.1 * step), batch=[numpy.arange(3)],
                        gradients={"x": numpy.float32([step, 2])})
with copied_trace.read_trace("a.npz") as trace:
    print(trace.losses.tolist(), trace.whole("gradient", "x", 2).tolist())
"""


def check_copy(python: str, folder: Path) -> Trace:
    output, errors = run_alone(folder, ALONE, python).communicate()
    assert errors == ""
    losses = [float(F(0.1 * step)) for step in (1, 2, 3)]
    assert output == f"{losses} [2.0, 2.0]\n"
    return read_trace(folder / "a.npz")


def test_a_copy_of_the_file_works_alone(tmp_path: Path) -> None:
    check_copy(sys.executable, tmp_path).close()


@pytest.mark.tf115
def test_a_trace_from_the_old_environment_is_read_here(tmp_path: Path) -> None:
    with check_copy(str(require_tf115()), tmp_path) as old:
        assert old.meta["versions"]["python"].startswith("3.7.")
        record = old.records("gradient", "x")[2]
        new = trace_module.digest(*trace_module.as_storable(np.array([3, 2], F), "x"))
        assert record["digest"].tobytes() == new


# ---- the document ---------------------------------------------------------------------------


def test_the_documented_way_to_read_a_trace_works(recorded: Path, tmp_path: Path) -> None:
    text = DOCUMENT.read_text()
    (program,) = (
        block for block in re.findall(r"```python\n(.*?)```", text, re.S) if "np.load" in block
    )
    shutil.copy(recorded, tmp_path / "old.npz")
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, text=True, capture_output=True, check=True
    )
    assert "variable global_step [1 2 3 4 5 6 7] [1. 2. 3. 4. 5. 6. 7.]" in ran.stdout


def test_the_document_names_every_key_stage_and_dtype(recorded: Path) -> None:
    text = DOCUMENT.read_text()
    with read_trace(recorded) as trace:
        names = [*trace.meta, *trace_module.STAGES, *RECORD.names]  # type: ignore[misc]
    assert [name for name in names if f"`{name}`" not in text] == []
    assert f"version {trace_module.VERSION}" in text.splitlines()[0]
    assert f"first {trace_module.DIGEST_BYTES} bytes of the SHA-256" in text
