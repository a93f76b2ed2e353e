"""What `--log-dir DIR` of a style script needs: its help, its checks, and an end in any case."""

from __future__ import annotations

import contextlib
import importlib
import re
from typing import Any, Iterator

from shared.errors import SuiteError, UsageError

LOG_DIR_HELP = "write loss, accuracy, learning rate, weights and graph there for TensorBoard"


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
def summaries(log_dir: str, model: Any) -> Iterator[None]:
    """Lets `model` of either style write its summaries to `log_dir`; does nothing for "".

    Raises:
        SuiteError: TensorFlow 1's histogram was given a NaN or an infinity, which TensorFlow 2's
            writes without a word.
    """
    if not log_dir:
        yield
        return
    model.open_summaries(log_dir)
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
    finally:
        model.close_summaries()
