"""What `--log-dir DIR` of a program needs: its checks, and errors in one line."""

from __future__ import annotations

import contextlib
import importlib
import re
from typing import Any, Iterator

from shared.errors import SuiteError, UsageError


def require_tensorboard() -> None:
    """Raises UsageError when the package `tensorboard` is missing or cannot be imported.

    TensorFlow 2.21 no longer installs it, and its `tf.summary.scalar` and `histogram` import it
    when they are first called: in the midst of training.
    """
    try:
        importlib.import_module("tensorboard.summary.v2")
    except Exception as error:  # an ImportError, or what a version that does not fit raises
        reason = " ".join(str(error).split())[:200]
        raise UsageError(
            "--log-dir: expected the package tensorboard, which tf.summary of TensorFlow 2 needs "
            f"(pip install tensorboard); found: {reason}"
        ) from error


@contextlib.contextmanager
def summary_errors(model: Any) -> Iterator[None]:
    """Turns what TensorFlow 1's histogram says of a NaN or an infinity into one line.

    Raises:
        SuiteError: TensorFlow 1's histogram was given a NaN or an infinity, which TensorFlow 2's
            silently writes.
    """
    try:
        yield
    except Exception as error:
        found = re.search(r"(Nan|Infinity) in summary histogram for: (\S+)", str(error))
        if found is None:
            raise
        raise SuiteError(
            f"--log-dir: {found[2]}: expected finite values, found {found[1]} "
            f"after step {model.step()}"
        ) from error
