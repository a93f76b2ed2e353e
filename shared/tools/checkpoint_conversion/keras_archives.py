"""Models that Keras 3 saved as a whole: `.keras`, and the `.weights.h5` of such a model.

What is in an archive hangs together by the code of Keras. So Keras builds the model, and a
tf.train.Checkpoint of it says which variable is which slot of which parameter.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from typing import Any

from shared.atomic_files import replace_file
from shared.errors import CheckpointError, SuiteError
from shared.tools.checkpoint_conversion.bundles import Bundle
from shared.tools.checkpoint_conversion.row_blocks import Rows
from shared.tools.checkpoint_conversion.shown import shown
from shared.tools.checkpoint_conversion.sources import KERAS_ARCHIVE, Entry

WEIGHTS = ".weights.h5"
_folders: list[tempfile.TemporaryDirectory[str]] = []  # deleted when Python ends


class KerasArchive:
    """A `.keras` file; see `sources.Source`."""

    form = KERAS_ARCHIVE

    def __init__(self, path: str) -> None:
        """Builds the model and saves a checkpoint of it beside.

        Raises:
            CheckpointError: Keras cannot build it.
        """
        self.path = path
        with _errors(path):
            self._bundle = _saved(_loaded(path))
        self.entries: Mapping[str, Entry] = self._bundle.entries

    def read(self, key: str) -> Any:
        """Reads a tensor."""
        return self._bundle.read(key)

    def rows(self, key: str) -> Rows | None:
        """Returns a large tensor as rows that are read when needed; None for any other."""
        return self._bundle.rows(key)


def write_archive(template: str, checkpoint: str, path: str) -> None:
    """Writes a model of Keras with the values of a checkpoint.

    Args:
        template: the `.keras` file of the model.
        checkpoint: prefix of a checkpoint of `KerasArchive(template)`'s form.
        path: where to write; a name ending in `.weights.h5` gets the weights alone, with the
            optimizer's.

    Raises:
        CheckpointError: Keras cannot write it, or what was read back is not what was written.
    """
    with _errors(path):
        model = _loaded(template)
        _checkpoint(model).read(checkpoint).assert_consumed()
        if path.endswith(WEIGHTS):
            replace_file(path, model.save_weights, WEIGHTS)
            again = _loaded(template)
            again.load_weights(path)
        else:
            replace_file(path, model.save, ".keras")
            again = _loaded(path)
        _require_same(_saved(again), Bundle(checkpoint), path)


def _require_same(found: Bundle, expected: Bundle, path: str) -> None:
    from shared.tools.checkpoint_conversion.files import digest
    from shared.tools.checkpoint_conversion.object_based import GRAPH_KEY

    for key in expected.entries.keys() - {GRAPH_KEY}:
        if key not in found.entries or digest(found.read(key)) != digest(expected.read(key)):
            raise CheckpointError(
                f"{shown(path)}: {shown(key)}: expected the bytes that were written; found others"
            )


def _loaded(path: str) -> Any:
    import tensorflow as tf

    model = tf.keras.models.load_model(path)
    if model.optimizer is not None and not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    return model


def _checkpoint(model: Any) -> Any:
    import tensorflow as tf

    objects = {"model": model}
    if model.optimizer is not None:
        objects["optimizer"] = model.optimizer
    return tf.train.Checkpoint(**objects)


def _saved(model: Any) -> Bundle:
    folder = tempfile.TemporaryDirectory(prefix="pairs-")
    _folders.append(folder)
    return Bundle(_checkpoint(model).write(os.path.join(folder.name, "model")))


@contextlib.contextmanager
def _errors(path: str) -> Iterator[None]:
    try:
        yield
    except SuiteError:
        raise
    except Exception as error:  # a model runs its own code while it is built: anything can come
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise CheckpointError(
            f"{shown(path)}: expected a model that Keras can build without code of its own; "
            f"found: {shown(lines[0])}"
        ) from error
