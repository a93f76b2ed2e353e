"""Whatever stands in a file of a user's, its reader ends well or in one error of one line.

Each reader is given a file that is whole, with bytes changed, cut, repeated or put in, and, where
the file holds JSON or TOML, with a value somewhere in it replaced, dropped or added. `make
test-slow` reads 56,000 such files.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import numpy as np
import pytest

from benchmarks.results import read_result
from shared.checkpoints.marks import _FIRST_LINE, read_mark
from shared.checkpoints.newest import newest_checkpoint
from shared.checkpoints.records import RecordError, read_record
from shared.checkpoints.state_file import read_state
from shared.data.idx import read_images
from shared.data.image_files import read_npz
from shared.errors import SuiteError
from shared.program.cluster import role_of
from shared.program.display import one_line
from shared.program.saved_settings import changed_settings, keep_settings
from shared.program.settings import Settings
from shared.tools.check.matching import read_map
from shared.tools.checkpoint_conversion.conversion_map import load_map
from shared.tools.compare.traces import compare
from shared.tools.run.results_folder import read_trained, settings_of
from shared.tools.scan import baseline
from shared.tools.scan.project import scan_text
from shared.tools.scan.reading import Unreadable, notebook
from shared.trace_recorder import TraceFileError, TraceRecorder, read_trace

ROOT = Path(__file__).parents[2]
EACH = 3_500


class Reader(NamedTuple):
    """A kind of file: how one is made in a folder, and what reads it."""

    make: Callable[[Path], Path]
    read: Callable[[Any], Any]


def of_text(name: str, text: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / name).write_text(text, encoding="utf-8")
        return folder / name

    return make


def a_trace(folder: Path) -> Path:
    with TraceRecorder(folder / "a.npz", model="m", every=1) as recorder:
        recorder.record_initial({"w": np.zeros(2, np.float32)})
        for step in (1, 2):
            recorder.record(step, np.float32(step), variables={"w": np.full(2, step, np.float32)})
    return folder / "a.npz"


def compared(path: Path) -> None:
    with read_trace(path) as trace, read_trace(a_trace(path.parent / "whole")) as whole:
        compare(trace, whole)


def a_data_set(folder: Path) -> Path:
    images, labels = np.zeros([4, 28, 28], np.uint8), np.arange(4, dtype=np.uint8)
    np.savez(folder / "a.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
    return folder / "a.npz"


def an_idx_file(folder: Path) -> Path:
    header = b"".join(number.to_bytes(4, "big") for number in (2051, 2, 28, 28))
    (folder / "images").write_bytes(header + bytes(2 * 28 * 28))
    return folder / "images"


def kept_settings(folder: Path) -> Path:
    keep_settings(_config(folder))
    (path,) = folder.glob(".training*")
    return path


def _config(folder: Path) -> Any:
    return Settings(checkpoint_dir=str(folder))


def what_was_trained(folder: Path) -> Path:
    told = {"steps": 1, "seconds": 2.0, "reported": {"step": [1]}, "metrics": {"loss": 0.5}}
    (folder / "trained").mkdir()
    path = folder / "trained" / "m.npz"
    np.savez(path, losses=np.zeros(1, np.float32), told=json.dumps(told))
    return path


def few_results() -> Any:
    found = json.loads((ROOT / "benchmarks/results/readme.json").read_text())
    return {**found, "rows": found["rows"][:2]}


MARK: dict[str, Any] = {"before": [], "record": None}
CLUSTER = {"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "worker", "index": 1}}
RECORD = {
    "format": 1,
    "step": 3,
    "order": 1,
    "files": {"model-3.index": {"size": 1, "sha256": "0" * 64}},
    "sha256": "0" * 64,
}
STATE = 'model_checkpoint_path: "model-2"\nall_model_checkpoint_paths: "model-1"\n'
MAP = """
[templates]
tf1 = "a"
tf2 = "b"
[variables]
"w" = "model/w"
[ignore]
tf1 = ["x"]
"""
NOTEBOOK = {
    "nbformat": 4,
    "nbformat_minor": 5,
    "metadata": {},
    "cells": [{"cell_type": "code", "id": "a", "metadata": {}, "outputs": [],
               "execution_count": None, "source": ["import tensorflow as tf\n", "tf.zeros([1])"]}],
}  # fmt: skip
RUN = {"models": ["mlp"], "steps": 3, "data": "sample", "batch_size": None}
READERS = {
    "the file checkpoint": Reader(
        of_text("checkpoint", STATE), lambda p: read_state(str(p.parent))
    ),
    "a folder of checkpoints": Reader(
        of_text("checkpoint", STATE),
        lambda p: newest_checkpoint(str(p.parent), lambda _: None, lambda _: None),
    ),
    "a record": Reader(
        of_text("model-3.record", json.dumps(RECORD)), lambda p: read_record(str(p))
    ),
    "a mark": Reader(
        of_text("model-3.unfinished", _FIRST_LINE + json.dumps(MARK)),
        lambda p: read_mark(str(p.parent), "model-3"),
    ),
    "kept settings": Reader(kept_settings, lambda p: changed_settings(_config(p.parent))),
    "a trace": Reader(a_trace, compared),
    "images as .npz": Reader(a_data_set, lambda p: read_npz(str(p))),
    "images as IDX": Reader(an_idx_file, lambda p: read_images(str(p))),
    "a map of check": Reader(
        of_text("m.toml", '[variables]\n"w" = "v"\n'), lambda p: read_map(str(p))
    ),
    "a map of checkpoints": Reader(of_text("m.toml", MAP), load_map),
    "what a run asked for": Reader(
        of_text("run.json", json.dumps(RUN)), lambda p: settings_of(p.parent)
    ),
    "what a run trained": Reader(what_was_trained, lambda p: read_trained(p.parents[1], "m")),
    "results of bench": Reader(of_text("r.json", json.dumps(few_results())), read_result),
    "a baseline of scan": Reader(
        of_text("b.json", baseline.as_text(scan_text("import tensorflow as tf\ntf.Session()\n"))),
        baseline.read,
    ),
    "a notebook": Reader(
        of_text("n.ipynb", json.dumps(NOTEBOOK)), lambda p: notebook(p.read_bytes())
    ),
    "TF_CONFIG": Reader(
        of_text("TF_CONFIG", json.dumps(CLUSTER)),
        lambda p: role_of({"TF_CONFIG": p.read_bytes().decode("utf-8", "surrogateescape")}),
    ),
}


# ---- damage -------------------------------------------------------------------------------------

VALUES: list[Any] = [
    *(None, True, 0, -1, 1.5, 2**63, 10**40, float("inf"), float("nan"), "", "/", "[/red]", "\0x"),
    *([], {}, [[]], [0, "a"], {"a": None}, {"": [1]}, "line\nbreak", "\x1b[31m", "ü" * 300),
]


def places(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Returns the way to each value in JSON."""
    keys = tree if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ()
    return [path, *(each for key in keys for each in places(tree[key], (*path, key)))]


def changed_tree(random: Random, tree: Any) -> Any:
    """Replaces, drops or adds a value."""
    path = random.choice(places(tree))
    if not path:
        return random.choice(VALUES)
    tree = copy.deepcopy(tree)
    owner = tree
    for key in path[:-1]:
        owner = owner[key]
    kind = random.choice(["replace", "drop", "add"])
    if kind == "drop":
        del owner[path[-1]]
    elif kind == "add" and isinstance(owner, dict):
        owner[random.choice(["a", "", "format", "[0]"])] = random.choice(VALUES)
    else:
        owner[path[-1]] = random.choice(VALUES)
    return tree


def changed_bytes(random: Random, whole: bytes) -> bytes:
    """Changes, cuts, repeats or inserts bytes."""
    at = random.randint(0, max(len(whole) - 1, 0))
    to = random.randint(at, min(len(whole), at + 40))
    new = random.randbytes(random.randint(0, 4))
    return random.choice(
        [whole[:at] + new + whole[to:], whole[:at], whole[:to] + whole[at:], whole[at:]]
    )


def changed(random: Random, path: Path, whole: bytes) -> bytes:
    """Returns what the file holds instead."""
    if path.suffix == ".npz" and random.random() < 0.5:
        return _changed_member(random, path)
    before = whole.find(b"{")
    if before < 0 or path.suffix == ".npz" or random.random() < 0.5:
        return changed_bytes(random, whole)
    tree = changed_tree(random, json.loads(whole[before:]))
    return whole[:before] + json.dumps(tree).encode()


def _changed_member(random: Random, path: Path) -> bytes:
    """An archive that is whole, with other JSON or another array in one of its members."""
    with np.load(path) as archive:
        members = dict(archive)
    name = random.choice(sorted(members))
    text = str(members[name]) if members[name].dtype.kind == "U" else ""
    if text.startswith("{"):
        members[name] = np.array(json.dumps(changed_tree(random, json.loads(text))))
    else:
        shape = random.choice([(), (0,), (1,), (4, 28), (2, 2, 2)])
        kind = random.choice(["f4", "f8", "i8", "u1", "U3", "S2", "c8", "?", "M8[s]"])
        members[name] = np.zeros(shape, kind)
    other = path.with_name("other.npz")
    np.savez(other, **members)
    return other.read_bytes()


def read(reader: Reader, path: Path) -> None:
    """Reads a file; what it raises must be one error of one line."""
    try:
        reader.read(path)
    except (SuiteError, TraceFileError, RecordError, Unreadable) as error:
        assert one_line(str(error)).isprintable()


def read_changed(kind: str, count: int, folder: Path) -> None:
    """Reads a kind of file with `count` kinds of damage, each from a seed of its own."""
    reader, path = READERS[kind], READERS[kind].make(folder)
    (folder / "whole").mkdir()
    whole = path.read_bytes()
    read(reader, path)
    for seed in range(count):
        path.write_bytes(whole)
        path.write_bytes(changed(Random(seed), path, whole))
        try:
            read(reader, path)
        except Exception as error:
            raise AssertionError(f"{kind}, seed {seed}: {path.read_bytes()[:400]!r}") from error


@pytest.mark.slow
@pytest.mark.parametrize("kind", READERS)
def test_any_file_ends_well_or_in_one_line(kind: str, tmp_path: Path) -> None:
    read_changed(kind, EACH, tmp_path)


@pytest.mark.parametrize("kind", READERS)
def test_some_files_end_well_or_in_one_line(kind: str, tmp_path: Path) -> None:
    read_changed(kind, 50, tmp_path)


def test_a_reader_that_raises_something_else_is_noticed(tmp_path: Path) -> None:
    path = of_text("a.json", "{}")(tmp_path)
    with pytest.raises(json.JSONDecodeError):
        path.write_text("{")
        read(Reader(of_text("a.json", "{}"), lambda p: json.loads(p.read_text())), path)
