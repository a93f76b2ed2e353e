"""SavedModels: written whole or not at all, and what a caller has to know of one."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path

from shared.checkpoints import check_folder
from shared.errors import UsageError
from shared.tools.whole_folder import put_back, whole_folder

_FILE = "saved_model.pb"  # what makes a folder a SavedModel, of either style
_PARTS = {_FILE, "variables", "assets", "assets.extra", "fingerprint.pb", "keras_metadata.pb"}


@dataclasses.dataclass(frozen=True)
class Endpoint:
    """One input or output of a signature."""

    kind: str  # input or output
    name: str  # as the caller says it
    dtype: str  # such as float32
    shape: tuple[int | None, ...]  # None is free: the size of the batch

    @property
    def type(self) -> str:
        """Dtype and shape as people read them: "float32 [batch, 784]"."""
        sizes = ["batch" if size is None else str(size) for size in self.shape]
        return f"{self.dtype} [{', '.join(sizes)}]"


def endpoints(folder: Path, signature: str = "serving_default") -> list[Endpoint]:
    """Reads the inputs, then the outputs of a SavedModel's signature; runs nothing of it."""
    import tensorflow as tf
    from tensorflow.core.protobuf import saved_model_pb2

    (graph,) = saved_model_pb2.SavedModel.FromString((folder / _FILE).read_bytes()).meta_graphs
    found = graph.signature_def[signature]
    return [
        Endpoint(
            kind,
            name,
            tf.as_dtype(info.dtype).name,
            tuple(size.size if size.size >= 0 else None for size in info.tensor_shape.dim),
        )
        for kind, infos in (("input", found.inputs), ("output", found.outputs))
        for name, info in sorted(infos.items())
    ]


def check_target(out: Path, force: bool) -> None:
    """Raises a SuiteError when a SavedModel must not or cannot be written to `out`.

    Args:
        out: the folder to make.
        force: whether it may take the place of a SavedModel; of nothing else in any case.
    """
    put_back(out)  # what a crash may have left aside
    _check_place(out, force)
    check_folder(str(out.parent if out.exists() else out), "--out")


def _check_place(out: Path, force: bool) -> None:
    if out.exists():
        if not force:
            raise _taken(out)
        if not (out / _FILE).is_file():
            raise UsageError(f"--out {out}: expected a SavedModel to replace, found another thing")
        others = sorted({path.name for path in out.iterdir()} - _PARTS)
        if others:
            raise UsageError(
                f"--out {out}: expected nothing but a SavedModel to replace, "
                f"found {others[0]} in it"
            )


def _taken(out: Path) -> UsageError:
    return UsageError(
        f"--out {out}: expected a name that is free, found it taken (--force replaces a SavedModel)"
    )


@contextlib.contextmanager
def writing(out: Path, force: bool) -> Iterator[Path]:
    """Yields a path to write a SavedModel to, which takes the place of `out` at the end.

    An error, a signal or a crash leaves `out` as it was.

    Args:
        out: the folder to make.
        force: as `check_target` takes it, which has to allow it at the end too: another process may
            have taken the place meanwhile.

    Raises:
        UsageError: the folder cannot be written, or its place was taken.
    """
    from tensorflow.errors import OpError

    try:
        with whole_folder(out, replace=force) as folder:
            yield folder
            _check_place(out, force)
    except FileExistsError as error:
        raise _taken(out) from error
    except (OSError, OpError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UsageError(f"--out {out}: cannot be written: {reason}") from error
