"""Records what a training run computes, step by step, in one `.npz` file, and reads it back.

A program that trains in TensorFlow needs no line of this: `pairs record` records it unedited, and
fetches what is recorded in the run that updates. This file is the format beneath, for code that
computes by other means. It is made to be copied: Python 3.6 or newer, NumPy 1.16 or newer and the
standard library, nothing else.

    with TraceRecorder("old.npz", model="cnn", style="tf1_style", runtime="Session") as recorder:
        recorder.record_initial(variables={"weights": weights}, slots={"weights/m": m})
        for step in range(1, steps + 1):
            ...
            recorder.record(step, loss, batch=[images, labels], logits=logits,
                            gradients={...}, slots={...}, variables={...})

At each step every tensor leaves a digest (equal digests: equal dtype, shape and bits) and an L2
norm. Whole tensors are kept at the first and the last step and at the steps asked for. What a
step computes from (batch, logits, loss, gradients) must come from the run that updates: a run of
their own draws other batches and dropout masks. It and what the step leaves behind (slots,
variables) carry the same step number; initial values carry the number of the step before the first.

docs/trace-format.md describes the file.
"""

# Python 3.6: no `X | None`, no `from __future__ import annotations`, no dataclasses.

import contextlib
import functools
import hashlib
import io
import json
import operator
import os
import platform
import stat
import struct
import sys
import tempfile
import threading
import tokenize
import zipfile
import zlib
from typing import (
    IO,
    Any,
    Dict,
    Iterable,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    Union,
)

import numpy as np

FORMAT = "tensorflow parity trace"
VERSION = 1
STAGES = ("initial", "batch", "logits", "loss", "gradient", "slot", "variable")
FLOAT_DTYPES = ("float16", "float32", "float64", "bfloat16")
INTEGER_DTYPES = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
DTYPES = (*FLOAT_DTYPES, *INTEGER_DTYPES, "bool")
DIGEST_BYTES = 16
RECORD = np.dtype(
    [("step", "<i8"), ("size", "<i8"), ("norm", "<f8"), ("digest", "u1", (DIGEST_BYTES,))]
)
_PACKED_RECORD = struct.Struct(f"<qqd{DIGEST_BYTES}s")  # the same bytes as one RECORD
_SPOOL_BLOCK = 16384  # bytes a tensor's records may fill in memory before they go to disk
_LONGEST_NAME = 60000  # bytes; an archive's names end at 65,535, prefix and suffix included
_LONGEST_META = 2**28  # bytes, as UTF-32: 64 million letters
_NORM_CHUNK = 8192  # elements; as float64 they stay in the cache of a CPU core
_LARGE = 2**20  # bytes; a smaller tensor is hashed sooner than a thread is started

Batch = Union[Sequence[Any], Mapping[str, Any]]
Tensors = Optional[Mapping[str, Any]]
# Stage and name -> a tensor's rows [steps, ...] and their packed records.
Known = Mapping[Tuple[str, str], Tuple[Any, bytes]]


class TraceFileError(ValueError):
    """A trace cannot be written or read; the message names the file, or the tensor, and why."""


class TensorInfo(NamedTuple):
    """One recorded tensor: where in a step it belongs, its name and form.

    `dtype` is a name of `DTYPES`. A dimension of `shape` is None where it changed between steps.
    """

    stage: str
    name: str
    dtype: str
    shape: Tuple[Optional[int], ...]


# ---- numbers --------------------------------------------------------------------------------


def as_storable(value: Any, what: str) -> Tuple[np.ndarray, str]:
    """Turns an array into what a trace holds: little-endian, C order.

    Args:
        value: anything `numpy.asarray` takes, with a dtype of `DTYPES` in any byte order.
        what: name for the error message.

    Returns:
        The array, and the name of its dtype. NumPy has no bfloat16 of its own: such a tensor
        comes back as its uint16 bit patterns, with the name "bfloat16".

    Raises:
        TraceFileError: another dtype (objects, text, complex numbers).
    """
    array = np.asarray(value)
    name, little_endian = _storage(array.dtype)
    if name not in DTYPES:
        raise TraceFileError(
            f"{what}: dtype {name} cannot be recorded; expected one of {', '.join(DTYPES)}"
        )
    array = np.asarray(array, dtype=little_endian, order="C")
    return (array.view(np.uint16) if name == "bfloat16" else array), name


@functools.lru_cache(maxsize=None)  # NumPy makes up the name anew each time, in Python
def _storage(dtype: np.dtype) -> Tuple[str, np.dtype]:
    return dtype.name, dtype.newbyteorder("<")


def as_float64(array: np.ndarray, dtype: str) -> np.ndarray:
    """Widens a stored array to float64 (exact, but for integers beyond 2**53)."""
    if dtype == "bfloat16":  # the upper half of a float32
        array = (array.astype(np.uint32) << np.uint32(16)).view(np.float32)
    return array.astype(np.float64)


def digest(array: np.ndarray, dtype: str) -> bytes:
    """First 16 bytes of SHA-256 over the text "dtype shape", a zero byte and the bytes.

    SHA-256, because processors have instructions for it: seen at 1.5 GB/s where blake2b, which
    is faster without them, makes 0.6. Shape is written as by `str(list(shape))`.
    """
    summer = hashlib.sha256(f"{dtype} {list(array.shape)}\0".encode("ascii"))
    summer.update(array.reshape(-1).view(np.uint8).data)
    return summer.digest()[:DIGEST_BYTES]


def norm(array: np.ndarray, dtype: str) -> float:
    """L2 norm, summed in float64; NaN exactly when an element is NaN."""
    flat = array.reshape(-1)
    total = 0.0
    for start in range(0, flat.size, _NORM_CHUNK):
        chunk = as_float64(flat[start : start + _NORM_CHUNK], dtype)
        total += float(np.dot(chunk, chunk))
    return float(np.sqrt(total))


def measure_side_by_side(
    large: Mapping[Any, Tuple[np.ndarray, str]],
) -> Dict[Any, Tuple[float, bytes]]:
    """Returns norm and digest of several large arrays.

    Hashing runs in threads, beside the norms: it lets Python go for as long as an array takes.

    Args:
        large: key -> array and name of its dtype, as `as_storable` gives them.
    """
    digests: Dict[Any, bytes] = {}
    todo = sorted(large, key=lambda key: large[key][0].nbytes)

    def hash_next() -> None:
        with contextlib.suppress(IndexError):
            while True:
                key = todo.pop()  # the largest that is left
                digests[key] = digest(*large[key])

    helpers = [threading.Thread(target=hash_next) for _ in range(min(len(large), _cores() - 1))]
    for helper in helpers:
        helper.start()
    norms = {key: norm(*large[key]) for key in large}
    hash_next()
    for helper in helpers:
        helper.join()
    return {key: (norms[key], digests[key]) for key in large}


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return getattr(os, "cpu_count", int)() or 1  # Python 2.7 has neither


# ---- writing --------------------------------------------------------------------------------


class _Records:
    """Equal-sized records of one tensor: the newest in memory, the rest in the common spool."""

    def __init__(self, spool: IO[bytes], dtype: np.dtype) -> None:
        self.count = 0
        self._spool = spool
        self._dtype = dtype
        self._blocks: List[Tuple[int, int]] = []
        self._newest = bytearray()

    def append(self, records: bytes, count: int = 1) -> None:
        self._newest += records
        self.count += count
        if len(self._newest) >= _SPOOL_BLOCK:
            self._blocks.append((self._spool.seek(0, os.SEEK_END), len(self._newest)))
            self._spool.write(self._newest)
            self._newest = bytearray()

    def write_to(self, member: IO[bytes]) -> None:
        """Writes all records as one `.npy` stream."""
        header = {
            "descr": np.lib.format.dtype_to_descr(self._dtype),
            "fortran_order": False,
            "shape": (self.count,),
        }
        np.lib.format.write_array_header_1_0(member, header)
        for start, length in self._blocks:
            self._spool.seek(start)
            member.write(self._spool.read(length))
        member.write(bytes(self._newest))


class _Column:
    """One tensor over the steps: its form, its records, and a copy of it while it is the last."""

    def __init__(self, spool: IO[bytes], array: np.ndarray, dtype: str) -> None:
        self.dtype = dtype
        self.shape: Tuple[Optional[int], ...] = array.shape
        self.records = _Records(spool, RECORD)
        self.last_step = -1
        self.last_is_written = True
        self.last = np.empty(0)

    def check_form(self, array: np.ndarray, dtype: str, what: str) -> None:
        if dtype != self.dtype or len(array.shape) != len(self.shape):
            raise TraceFileError(
                f"{what} is {dtype} {list(array.shape)}, but was {self.dtype} "
                f"{list(self.shape)} before; only the sizes of dimensions may change"
            )
        pairs = zip(self.shape, array.shape)
        self.shape = tuple(old if old == new else None for old, new in pairs)

    def keep(self, array: np.ndarray) -> None:
        """Copies the tensor: the caller may change it in place during the next step."""
        if self.last.shape != array.shape or self.last.dtype != array.dtype:
            self.last = np.empty_like(array)
        np.copyto(self.last, array)


class TraceRecorder:
    """Writes a trace, in memory that does not grow with the number of steps.

    Everything goes to a file beside the target, `NAME.PID.partial`, which takes the target's
    name once it is complete and on disk: an exception inside `with`, a crash or a full disk
    never leaves a trace that looks whole, nor harms an older one of the same name.

    Args:
        path: the trace to write; by custom it ends in `.npz`.
        model: name of the model.
        style: "tf1_style", "tf2_style", or your own word.
        runtime: what executes the model, such as "Session" or "tf.function".
        every: keep whole tensors at each step that this number divides.
        steps: keep whole tensors at these steps too.
        device: what it runs on, such as "CPU".
        threads: how many threads the run may use.
        flags: the run's settings; anything that JSON can hold.
        versions: versions to note beside those of Python, NumPy and, when it is imported,
            TensorFlow.
        keep_batches: keep the batch of every step whole.

    Raises:
        TraceFileError: the file cannot be made, `every` is below 1, a step is negative, or
            `flags` hold what JSON cannot.
    """

    def __init__(
        self,
        path: Union[str, "os.PathLike[str]"],
        model: str = "",
        style: str = "",
        runtime: str = "",
        every: Optional[int] = None,
        steps: Iterable[int] = (),
        device: Optional[str] = None,
        threads: Optional[int] = None,
        flags: Optional[Mapping[str, Any]] = None,
        versions: Optional[Mapping[str, str]] = None,
        keep_batches: bool = False,
    ) -> None:
        """Begins the file."""
        if every is not None and every < 1:
            raise TraceFileError(f"every: expected a number of steps above 0, found {every!r}")
        self.path = os.fspath(path)
        self._every = every
        self._steps = frozenset(_step_number(step) for step in steps)
        self._keep_batches = keep_batches
        self._meta: Dict[str, Any] = {
            "format": FORMAT,
            "version": VERSION,
            "model": model,
            "style": style,
            "runtime": runtime,
            "device": device,
            "threads": threads,
            "flags": dict(flags or {}),
            "versions": dict(_versions(), **(versions or {})),
            "platform": f"{platform.system()} {platform.machine()}",
        }
        _to_json(self._meta)  # refuse now, not after hours of training
        self._columns: Dict[Tuple[str, str], _Column] = {}
        self._measured: Dict[Tuple[str, str], Tuple[float, bytes]] = {}
        self._loss: Optional[_Records] = None
        self._loss_dtype = ""
        self._last_step = -1
        self._open()

    def _open(self) -> None:
        self._partial = f"{self.path}.{os.getpid()}.partial"
        folder = os.path.dirname(os.path.abspath(self.path))
        with _named_errors("write", self.path):
            if os.path.isdir(self.path):
                raise TraceFileError(f"cannot write the trace {self.path}: it is a folder")
            if os.path.lexists(self.path) and not _is_plain_file(self.path):
                raise TraceFileError(
                    f"cannot write the trace {self.path}: expected a new or regular file, "
                    "found a link, a device or a pipe, which the trace would replace"
                )
            self._spool = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 -- closed by _stop
            self._file = open(self._partial, "wb")  # noqa: SIM115 -- closed by _stop
        self._zip = zipfile.ZipFile(self._file, "w", zipfile.ZIP_STORED, allowZip64=True)
        self._is_open = True

    def record_initial(
        self, variables: Tensors = None, slots: Tensors = None, step: int = 0
    ) -> None:
        """Records, whole, the state before training.

        Args:
            variables: name -> array.
            slots: name -> array, such as "weights/m".
            step: the step already done: 0 for a fresh start, more for a resumed run.

        Raises:
            TraceFileError: called twice or after `record`, or as for `record`.
        """
        self._begin(step)
        with _named_errors("write", self.path):
            for kind, tensors in (("variable", variables), ("slot", slots)):
                for name, value in (tensors or {}).items():
                    _check_name(kind, name)
                    self._record_tensor(step, "initial", kind + "/" + name, value)

    def record(
        self,
        step: int,
        loss: Any,
        batch: Batch = (),
        logits: Any = None,
        gradients: Tensors = None,
        slots: Tensors = None,
        variables: Tensors = None,
    ) -> None:
        """Records one step. What is not given at a step is not compared there.

        Args:
            step: number of the step, counted from 1; each must exceed the one before.
            loss: scalar, as the model computed it: its dtype is kept.
            batch: the arrays fed, in order, or name -> array.
            logits: the model's output for the batch, before the update; several by name.
            gradients: variable's name -> array.
            slots: name -> array, after the update, such as "weights/m".
            variables: name -> array, after the update.

        Raises:
            TraceFileError: the step does not exceed the last one, the loss is no scalar, a
                tensor's dtype cannot be recorded or has changed, or the disk is full.
        """
        self._begin(step)
        with _named_errors("write", self.path):
            tensors = _by_stage(batch, logits, gradients, slots, variables)
            self._measure_large(step, tensors)
            for stage, name, value in tensors:
                self._record_tensor(step, stage, name, value)
            self._record_loss(step, loss)

    def record_steps(
        self,
        steps: Sequence[int],
        losses: Any,
        batch: Batch = (),
        logits: Any = None,
        gradients: Tensors = None,
        slots: Tensors = None,
        variables: Tensors = None,
        known: Optional[Known] = None,
    ) -> Known:
        """Records several steps as `record` would one by one, small tensors in a fraction of it.

        Args:
            steps: their numbers.
            losses: a scalar for each, [steps], as a list or an array.
            batch: as for `record`, but each array has a row [steps, ...] for each step, and so
                have those of all that follows.
            logits: as for `record`.
            gradients: as for `record`.
            slots: as for `record`.
            variables: as for `record`.
            known: what another recorder returned for these steps, or for more from the first on,
                while its arrays are unchanged. Equal bits have equal digests and norms, and are
                compared in a tenth of the time.

        Returns:
            What was recorded, for the `known` of other recorders. It holds the arrays themselves.

        Raises:
            TraceFileError: as for `record`.
        """
        tensors = _by_stage(batch, logits, gradients, slots, variables)
        same = {
            (s, n): _records_if_same((known or {}).get((s, n)), steps, v) for s, n, v in tensors
        }
        at_once = {(s, n): bool(same[s, n]) or _is_small(value) for s, n, value in tensors}
        records = {(stage, name): b"" for stage, name, _ in tensors}
        for position, step in enumerate(steps):
            self._begin(step)
            # The first step makes the columns, in the order of `record`.
            each = [(s, n, v) for s, n, v in tensors if position == 0 or not at_once[s, n]]
            now = [(stage, name, value[position]) for stage, name, value in each]
            with _named_errors("write", self.path):
                self._measure_large(step, [found for found in now if not same[found[:2]]])
                if position == 0:
                    self._measured.update(_first_of_each(same))
                for stage, name, value in now:
                    records[stage, name] += self._record_tensor(step, stage, name, value)
                self._record_loss(step, losses[position])
        with _named_errors("write", self.path):
            for stage, name, value in tensors:
                if at_once[stage, name]:
                    rest = same[stage, name][RECORD.itemsize :]
                    records[stage, name] += self._record_rows(
                        steps[1:], stage, name, value[1:], rest
                    )
        return {(stage, name): (value, records[stage, name]) for stage, name, value in tensors}

    def record_loss(self, step: int, name: str, loss: Any) -> None:
        """Records one of several losses of the step just recorded, under a name of its own.

        Args:
            step: the step that `record` was last called for.
            name: such as that of the loss's tensor.
            loss: scalar.

        Raises:
            TraceFileError: another step, or as for `record`.
        """
        if step != self._last_step or not self._is_open:
            raise TraceFileError(f"loss {name}: expected step {self._last_step}, found {step}")
        with _named_errors("write", self.path):
            self._record_tensor(step, "loss", name, loss)

    def _begin(self, step: int) -> None:
        if not self._is_open:
            raise TraceFileError(f"{self.path}: the recorder is closed")
        if _step_number(step) <= self._last_step:
            raise TraceFileError(
                f"step {step} comes after step {self._last_step}; steps must increase"
            )
        self._last_step = step

    def _record_loss(self, step: int, loss: Any) -> None:
        value, dtype = as_storable(loss, f"loss at step {step}")
        if value.shape != () or dtype not in FLOAT_DTYPES:
            raise TraceFileError(
                f"loss at step {step}: expected a floating-point scalar, "
                f"found {dtype} {list(value.shape)}"
            )
        if self._loss is None:
            self._loss_dtype = dtype
            self._loss = _Records(self._spool, _loss_dtype(value.dtype))
        if dtype != self._loss_dtype:
            raise TraceFileError(
                f"loss at step {step} is {dtype}, but was {self._loss_dtype} before"
            )
        self._loss.append(struct.pack("<q", step) + value.tobytes())

    def _measure_large(self, step: int, tensors: List[Tuple[str, str, Any]]) -> None:
        self._measured = measure_side_by_side(
            {
                (stage, name): as_storable(value, f"{stage} {name} at step {step}")
                for stage, name, value in tensors
                if getattr(value, "nbytes", 0) >= _LARGE
            }
        )

    def _record_tensor(self, step: int, stage: str, name: str, value: Any) -> bytes:
        what = f"{stage} {name} at step {step}"
        array, dtype = as_storable(value, what)
        column = self._columns.get((stage, name))
        is_first = column is None
        if column is None:
            _check_name(stage, name)
            column = self._columns[stage, name] = _Column(self._spool, array, dtype)
        column.check_form(array, dtype, what)
        known = self._measured.pop((stage, name), None)
        known = known or (norm(array, dtype), digest(array, dtype))
        record = _PACKED_RECORD.pack(step, array.size, *known)
        column.records.append(record)
        column.last_step = step
        column.last_is_written = is_first or self._is_kept_whole(stage, step)
        if column.last_is_written:
            self._write_whole(step, stage, name, array)
        else:
            column.keep(array)
        return record

    def _record_rows(
        self, steps: Sequence[int], stage: str, name: str, rows: np.ndarray, records: bytes
    ) -> bytes:
        """Records a tensor that has a column already at several steps; returns their records.

        Args:
            steps: their numbers.
            stage: of the tensor.
            name: of the tensor.
            rows: the tensor, [steps, ...].
            records: what is returned, where it is known.
        """
        if not len(steps):
            return b""
        array, dtype = as_storable(rows, f"{stage} {name} at step {steps[0]}")
        column = self._columns[stage, name]
        column.check_form(array[0], dtype, f"{stage} {name} at step {steps[0]}")
        records = records or _packed_rows(steps, array, dtype)
        column.records.append(records, len(steps))
        for position, step in enumerate(steps):
            if self._is_kept_whole(stage, step):
                self._write_whole(step, stage, name, array[position])
        column.last_step = steps[-1]
        column.last_is_written = self._is_kept_whole(stage, steps[-1])
        if not column.last_is_written:
            column.keep(array[-1])
        return records

    def _is_kept_whole(self, stage: str, step: int) -> bool:
        if stage == "batch" and self._keep_batches:
            return True
        return step in self._steps or (self._every is not None and step % self._every == 0)

    def _write_whole(self, step: int, stage: str, name: str, array: np.ndarray) -> None:
        with self._member(f"whole/{step}/{stage}/{name}") as member:
            np.lib.format.write_array(member, array, allow_pickle=False)

    def _member(self, name: str) -> IO[bytes]:
        return self._zip.open(name + ".npy", "w", force_zip64=True)

    def annotate(self, flags: Mapping[str, Any]) -> None:
        """Adds to the run's settings what is known only at its end.

        Raises:
            TraceFileError: `flags` hold what JSON cannot.
        """
        _to_json(flags)
        self._meta["flags"].update(flags)
        self._meta["versions"].update(_versions())

    def close(self) -> None:
        """Completes the file, brings it to disk and gives it its name. Closing twice is harmless.

        Raises:
            TraceFileError: the disk is full or the folder is gone.
        """
        if not self._is_open:
            return
        try:
            with _named_errors("write", self.path):
                self._complete()
                self._file.flush()
                os.fsync(self._file.fileno())
                self._stop()
                os.replace(self._partial, self.path)
                _sync_folder(os.path.dirname(os.path.abspath(self.path)))
        except BaseException:
            self.discard()
            raise

    def _complete(self) -> None:
        tensors = []
        for (stage, name), column in self._columns.items():
            if not column.last_is_written:
                self._write_whole(column.last_step, stage, name, column.last)
            with self._member(stage + "/" + name) as member:
                column.records.write_to(member)
            tensors.append(TensorInfo(stage, name, column.dtype, column.shape)._asdict())
        if self._loss is not None:
            with self._member("loss") as member:
                self._loss.write_to(member)
        self._meta["loss_dtype"] = self._loss_dtype or None
        self._meta["tensors"] = tensors
        with self._member("meta") as member:
            text = np.array(_to_json(self._meta), dtype="U")  # in Python 2 it would be bytes
            np.lib.format.write_array(member, text, allow_pickle=False)
        self._zip.close()

    def _stop(self) -> None:
        self._is_open = False
        self._file.close()
        self._spool.close()

    def discard(self) -> None:
        """Gives up: removes what was written; an older trace of the same name stays."""
        with contextlib.suppress(OSError, ValueError):
            self._zip.close()
        with contextlib.suppress(OSError):
            self._stop()
        with contextlib.suppress(OSError):
            os.remove(self._partial)

    def __enter__(self) -> "TraceRecorder":
        """Returns the recorder itself."""
        return self

    def __exit__(self, error_type: Any, error: Any, traceback: Any) -> None:
        """Completes the trace, or discards it when an exception passes through."""
        if error_type is None:
            self.close()
        elif self._is_open:
            self.discard()


def _step_number(step: Any) -> int:
    try:
        number = operator.index(step)
    except TypeError:
        raise TraceFileError(f"a step is a whole number, found {step!r}") from None
    if number < 0:
        raise TraceFileError(f"a step is 0 or above, found {number}")
    return number


def _check_name(stage: str, name: Any) -> None:
    """Refuses a name that the archive cannot hold as the name of a member."""
    try:
        if not isinstance(name, str) or not name or "\0" in name:
            raise ValueError
        length = len(name.encode("utf-8"))
    except ValueError:  # UnicodeEncodeError, for lone surrogates, is one too
        raise TraceFileError(
            f"{stage} {name!r}: a name needs letters, and no NUL or surrogates"
        ) from None
    if length > _LONGEST_NAME:
        raise TraceFileError(
            f"{stage} {name[:40]!r}...: a name needs at most {_LONGEST_NAME} bytes, found {length}"
        )


def _by_stage(
    batch: Batch, logits: Any, gradients: Tensors, slots: Tensors, variables: Tensors
) -> List[Tuple[str, str, Any]]:
    """Returns stage, name and value of each tensor but the loss, in the order of computation."""
    found = [("batch", name, value) for name, value in _named_batch(batch)]
    if logits is not None:
        several = logits if isinstance(logits, Mapping) else {"logits": logits}
        found += [("logits", name, value) for name, value in several.items()]
    for stage, tensors in (("gradient", gradients), ("slot", slots), ("variable", variables)):
        found += [(stage, name, value) for name, value in (tensors or {}).items()]
    return found


def _is_small(rows: Any) -> bool:
    return isinstance(rows, np.ndarray) and rows.nbytes < _LARGE * len(rows)


def _records_if_same(known: Optional[Tuple[Any, bytes]], steps: Sequence[int], rows: Any) -> bytes:
    """Returns the packed records of rows that have the bits of known ones, or nothing."""
    if known is None or not isinstance(known[0], np.ndarray) or not isinstance(rows, np.ndarray):
        return b""
    records = known[1][: len(steps) * RECORD.itemsize]
    if np.frombuffer(records, RECORD)["step"].tolist() != list(steps):
        return b""
    return records if _has_same_bits(known[0][: len(steps)], rows) else b""


def _has_same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    if (a.dtype, a.shape) != (b.dtype, b.shape):
        return False
    a, b = (np.ascontiguousarray(array).reshape(-1).view(np.uint8) for array in (a, b))
    words = len(a) // 8 * 8  # compared eight bytes at a time
    return np.array_equal(a[:words].view("u8"), b[:words].view("u8")) and np.array_equal(
        a[words:], b[words:]
    )


def _first_of_each(
    records: Mapping[Tuple[str, str], bytes],
) -> Dict[Tuple[str, str], Tuple[float, bytes]]:
    """Returns norm and digest in the first of some packed records, where there are any."""
    first = {key: _PACKED_RECORD.unpack_from(found) for key, found in records.items() if found}
    return {key: (norm, digest) for key, (_, _, norm, digest) in first.items()}


def _packed_rows(steps: Sequence[int], rows: np.ndarray, dtype: str) -> bytes:
    """Returns the records of a tensor at several steps, a row of `rows` each."""
    flat = rows.reshape(len(rows), -1)
    found = np.empty(len(rows), RECORD)
    found["step"], found["size"] = steps, flat.shape[1]
    found["norm"] = _norms(flat, dtype)
    found["digest"] = np.frombuffer(_digests(rows, dtype), np.uint8).reshape(-1, DIGEST_BYTES)
    return found.tobytes()


def _norms(flat: np.ndarray, dtype: str) -> Any:
    """Returns the `norm` of each row of small rows [rows, n]."""
    if flat.shape[1] > _NORM_CHUNK:
        return [norm(row, dtype) for row in flat]
    return np.sqrt([np.dot(row, row) for row in as_float64(flat, dtype)])


def _digests(rows: np.ndarray, dtype: str) -> bytes:
    """Returns the `digest` of each row, one after the other."""
    start = hashlib.sha256(f"{dtype} {list(rows.shape[1:])}\0".encode("ascii"))
    data, size = rows.reshape(-1).view(np.uint8).data, rows[0].nbytes
    found = []
    for position in range(len(rows)):
        summer = start.copy()
        summer.update(data[position * size : (position + 1) * size])
        found.append(summer.digest()[:DIGEST_BYTES])
    return b"".join(found)


def _named_batch(batch: Batch) -> List[Tuple[str, Any]]:
    if isinstance(batch, Mapping):
        return list(batch.items())
    if not isinstance(batch, (list, tuple)):
        raise TraceFileError(f"batch: expected a list of arrays, found {type(batch).__name__}")
    return [(str(position), value) for position, value in enumerate(batch)]


def _versions() -> Dict[str, str]:
    versions = {"python": platform.python_version(), "numpy": np.__version__}
    tensorflow = sys.modules.get("tensorflow")  # noted when in use, never imported from here
    if hasattr(tensorflow, "__version__"):
        versions["tensorflow"] = str(tensorflow.__version__)  # type: ignore[union-attr]
    return versions


def _to_json(meta: Mapping[str, Any]) -> str:
    try:
        return json.dumps(meta)
    except (TypeError, ValueError) as error:
        raise TraceFileError(f"flags of the trace: JSON cannot hold them: {error}") from None


def _loss_dtype(value: np.dtype) -> np.dtype:
    return np.dtype([("step", "<i8"), ("value", value)])


def _is_plain_file(path: str) -> bool:
    return stat.S_ISREG(os.lstat(path).st_mode)


def _sync_folder(folder: str) -> None:
    if hasattr(os, "O_DIRECTORY"):  # Windows cannot open a folder, and needs no such thing
        descriptor = os.open(folder, os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def _named_errors(verb: str, path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise TraceFileError(f"cannot {verb} the trace {path}: {reason}") from error


# ---- reading --------------------------------------------------------------------------------

# What zipfile, json and numpy.lib.format raise for bytes that are not what they should be.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    tokenize.TokenError,  # numpy.lib.format mends headers of Python 2 with a tokenizer
    NotImplementedError,  # a compression or encryption that zipfile does not know
    RuntimeError,
    EOFError,
    LookupError,
    TypeError,
    ValueError,
    SyntaxError,
    OverflowError,
    MemoryError,
)


class Trace:
    """A trace opened for reading; tensors are read from the file when they are asked for.

    Attributes:
        path: the file.
        meta: what the recorder was told, as a dict; the keys are in docs/trace-format.md.
        tensors: a `TensorInfo` for each tensor but the loss, in the order of recording.
        steps: int64 [steps], the recorded steps, increasing.
        losses: [steps], in the dtype of the model (uint16 bit patterns for bfloat16).
        loss_dtype: name of that dtype, of `DTYPES`; "" without any step.
    """

    def __init__(self, path: Union[str, "os.PathLike[str]"]) -> None:
        """Opens the file and checks it."""
        self.path = os.fspath(path)
        with _named_errors("read", self.path):
            if not stat.S_ISREG(os.stat(self.path).st_mode):  # opening a pipe would wait for ever
                raise TraceFileError(
                    f"cannot read the trace {self.path}: expected a regular file, "
                    "found a folder, a device or a pipe"
                )
            try:
                self._zip = zipfile.ZipFile(self.path)
            except _DAMAGE as error:
                raise self._damaged(error) from error
        try:
            self._read_everything_but_tensors()
        except BaseException:
            self.close()
            raise

    def _damaged(self, error: Any) -> TraceFileError:
        return TraceFileError(f"{self.path} is not a whole trace: {error}")

    def _read_everything_but_tensors(self) -> None:
        with _named_errors("read", self.path):
            try:
                self._check_sizes()
                broken = self._zip.testzip()  # each byte of each member against its checksum
                if broken is not None:
                    raise ValueError(f"the checksum of {broken} does not match")
                self.meta = self._read_meta()
                self.tensors = [_tensor_info(entry) for entry in self.meta["tensors"]]
                self._read_losses()
                self._whole_steps = self._find_whole_tensors()
                self._check_tensors()
            except TraceFileError:
                raise
            except _DAMAGE as error:
                raise self._damaged(error) from error

    def _check_sizes(self) -> None:
        """Refuses what could unpack to more than the file holds, before anything is unpacked."""
        for member in self._zip.infolist():
            if member.compress_type != zipfile.ZIP_STORED:
                raise ValueError(f"{member.filename} is compressed, which no trace is")
            if member.filename == "meta.npy" and member.file_size > _LONGEST_META:
                raise ValueError(f"its `meta` has {member.file_size} bytes")
        total = sum(member.file_size for member in self._zip.infolist())
        if total > os.path.getsize(self.path):
            raise ValueError("its members claim more bytes than the file has")

    def _read_meta(self) -> Dict[str, Any]:
        if "meta.npy" not in self._zip.namelist():
            raise ValueError("it has no member `meta`")
        meta = json.loads(str(self._read_array("meta")))
        if not isinstance(meta, dict) or meta.get("format") != FORMAT:
            raise ValueError(f"its `meta` does not say {FORMAT!r}")
        if meta.get("version") != VERSION:
            raise ValueError(
                f"its format has version {meta.get('version')!r}, this program reads {VERSION}"
            )
        for key in ("versions", "flags"):
            if not isinstance(meta.get(key), dict):
                raise ValueError(f"its `meta` has no object {key!r}")
        return meta

    def _read_losses(self) -> None:
        self.loss_dtype = self.meta["loss_dtype"] or ""
        if not self.loss_dtype:
            self.steps, self.losses = np.empty(0, np.int64), np.empty(0, np.float32)
            return
        records = self._read_array("loss")
        value = np.dtype("<u2" if self.loss_dtype == "bfloat16" else self.loss_dtype)
        _check_records(records, _loss_dtype(value), "loss")
        self.steps = np.ascontiguousarray(records["step"])
        self.losses = np.ascontiguousarray(records["value"])

    def _check_tensors(self) -> None:
        for tensor in self.tensors:
            steps = self.records(tensor.stage, tensor.name)["step"]
            if tensor.stage != "initial" and not np.isin(steps, self.steps).all():
                raise ValueError(f"{tensor.stage}/{tensor.name} has steps that the loss has not")
            if not set(self.whole_steps(tensor.stage, tensor.name)) <= set(steps.tolist()):
                raise ValueError(f"{tensor.stage}/{tensor.name} is whole at a step not recorded")
            self._check_digests(tensor)

    def _check_digests(self, tensor: TensorInfo) -> None:
        """Holds each whole tensor against the digest of its step: a checksum can be forged."""
        records = self.records(tensor.stage, tensor.name)
        for step in self.whole_steps(tensor.stage, tensor.name):
            array = self.whole(tensor.stage, tensor.name, step)
            recorded = records["digest"][np.searchsorted(records["step"], step)]
            if digest(array, tensor.dtype) != recorded.tobytes():
                raise ValueError(
                    f"{tensor.stage}/{tensor.name}: the whole tensor of step {step} "
                    "does not have the digest recorded"
                )

    def _find_whole_tensors(self) -> Dict[Tuple[str, str], List[int]]:
        steps: Dict[Tuple[str, str], List[int]] = {}
        for member in self._zip.namelist():
            if member.startswith("whole/"):
                _, step, stage, name = member[: -len(".npy")].split("/", 3)
                steps.setdefault((stage, name), []).append(int(step))
        return steps

    def records(self, stage: str, name: str) -> np.ndarray:
        """What each step left of a tensor: dtype `RECORD` (step, size, norm, digest), [steps]."""
        records = self._read_array(stage + "/" + name)
        _check_records(records, RECORD, stage + "/" + name)
        return records

    def whole_steps(self, stage: str, name: str) -> List[int]:
        """Steps at which the tensor was kept whole, increasing."""
        return sorted(self._whole_steps.get((stage, name), []))

    def whole(self, stage: str, name: str, step: int) -> np.ndarray:
        """A tensor as it was at a step; bfloat16 as its uint16 bit patterns.

        Raises:
            KeyError: it was not kept whole at this step.
        """
        if step not in self._whole_steps.get((stage, name), []):
            raise KeyError(f"{stage} {name} was not kept whole at step {step}")
        return self._read_array(f"whole/{step}/{stage}/{name}")

    def _read_array(self, member: str) -> np.ndarray:
        try:
            return _parse_npy(self._zip.read(member + ".npy"))
        except _DAMAGE as error:
            raise self._damaged(f"{member}: {error}") from error

    def close(self) -> None:
        """Closes the file."""
        self._zip.close()

    def __enter__(self) -> "Trace":
        """Returns the trace itself."""
        return self

    def __exit__(self, error_type: Any, error: Any, traceback: Any) -> None:
        """Closes the file."""
        self.close()


def read_trace(path: Union[str, "os.PathLike[str]"]) -> Trace:
    """Opens a trace and checks all of it.

    Raises:
        TraceFileError: missing, half-written, damaged, foreign, or of another version.
    """
    return Trace(path)


def _tensor_info(entry: Mapping[str, Any]) -> TensorInfo:
    tensor = TensorInfo(entry["stage"], entry["name"], entry["dtype"], tuple(entry["shape"]))
    if tensor.stage not in STAGES or tensor.dtype not in DTYPES:
        raise ValueError(f"its `meta` lists a tensor of unknown kind: {tensor}")
    return tensor


def _check_records(records: np.ndarray, dtype: np.dtype, what: str) -> None:
    if records.dtype != dtype or records.ndim != 1:
        raise ValueError(f"{what}: expected [steps] of {dtype}, found {records.dtype}")
    if (np.diff(records["step"]) <= 0).any():
        raise ValueError(f"{what}: its steps do not increase")


def _parse_npy(data: bytes) -> np.ndarray:
    """Reads one `.npy` member; never a pickled object, never more memory than there are bytes."""
    version = np.lib.format.read_magic(io.BytesIO(data))
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"its .npy header has the unexpected version {version}")
    form = "<H" if version == (1, 0) else "<I"  # of the length, which follows magic and version
    start = 8 + struct.calcsize(form)
    if len(data) < start:
        raise ValueError("its .npy header is cut")
    end = start + struct.unpack(form, data[8:start])[0]
    shape, is_fortran, dtype = _npy_header(data[:end])
    if dtype.hasobject or is_fortran:
        raise ValueError("it holds Python objects or Fortran order, which no trace does")
    return np.frombuffer(data, dtype, offset=end).reshape(shape)


_headers: Dict[bytes, Tuple[Tuple[int, ...], bool, np.dtype]] = {}


def _npy_header(data: bytes) -> Tuple[Tuple[int, ...], bool, np.dtype]:
    """Returns the shape, the order and the dtype of a header.

    A trace has the same few for each of its many members, and each is a Python literal: parsing it
    takes longer than reading the numbers.
    """
    if data not in _headers:
        stream = io.BytesIO(data)
        is_short = np.lib.format.read_magic(stream) == (1, 0)
        name = "read_array_header_1_0" if is_short else "read_array_header_2_0"
        if len(_headers) >= 1000:
            _headers.clear()
        _headers[data] = getattr(np.lib.format, name)(stream)
    return _headers[data]
