"""Reads the event files of either style, and says where those of two runs differ."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf


class Histogram(NamedTuple):
    """What both kinds of histogram say of a tensor, in the words of the first."""

    smallest: float
    largest: float
    number: float
    edges: np.ndarray  # float64 [buckets], the upper ends
    below: np.ndarray  # float64 [buckets], how many values lie below each


class Events(NamedTuple):
    """The content of one folder's event files, oldest first."""

    scalars: dict[tuple[int, str], np.float32]  # by step and tag
    histograms: dict[tuple[int, str], Histogram]
    graphs: list[tf.compat.v1.GraphDef]  # one a file
    plugins: set[str]  # of TensorBoard, as the second kind of summary names them


def read_events(folder: Path) -> Events:
    events = Events({}, {}, [], set())
    for file in sorted(folder.iterdir(), key=_numbers_in_order):
        for event in tf.compat.v1.train.summary_iterator(str(file)):
            if event.graph_def:
                events.graphs.append(tf.compat.v1.GraphDef.FromString(event.graph_def))
            for value in event.summary.value:
                events.plugins.add(value.metadata.plugin_data.plugin_name)
                _add(events, (event.step, value.tag), value)
    return events


def _numbers_in_order(file: Path) -> list[tuple[int, str]]:
    """A key to sort by: TensorFlow 2 ends names in a count, and 100 comes after 99."""
    return [(int(part) if part.isdigit() else 0, part) for part in re.split(r"(\d+)", file.name)]


def _add(events: Events, key: tuple[int, str], value: Any) -> None:
    assert key not in events.scalars and key not in events.histograms, f"{key} written twice"
    kind = value.WhichOneof("value")
    if kind == "simple_value":
        events.scalars[key] = np.float32(value.simple_value)
    elif kind == "histo":
        events.histograms[key] = _of_tf1(value.histo)
    elif value.metadata.plugin_data.plugin_name == "scalars":
        events.scalars[key] = tf.make_ndarray(value.tensor)[()]
    else:
        events.histograms[key] = _of_tf2(tf.make_ndarray(value.tensor))


def _of_tf1(histo: Any) -> Histogram:
    """Buckets from limit to limit; each limit is 1.1 times the one before."""
    below = np.cumsum(histo.bucket)
    return Histogram(histo.min, histo.max, histo.num, np.array(histo.bucket_limit), below)


def _of_tf2(buckets: np.ndarray) -> Histogram:
    """Buckets [30, (left, right, count)], all of one width, from the smallest to the largest."""
    left, right, count = buckets.T
    return Histogram(left[0], right[-1], count.sum(), right, np.cumsum(count))


def differences(tf1: Events, tf2: Events) -> list[str]:
    """Returns what differs: tags, steps, the bits of scalars, what histograms both can say.

    Of histograms that is the smallest and largest value and how many there are, exactly, and the
    shape within the width of the buckets: 1 or 2 % of the values of a wide layer.
    """
    found = []
    if list(tf1.scalars) != list(tf2.scalars) or list(tf1.histograms) != list(tf2.histograms):
        found.append(f"tags and steps: {[*tf1.scalars]} against {[*tf2.scalars]}")
    for key in tf1.scalars.keys() & tf2.scalars.keys():
        if tf1.scalars[key].tobytes() != tf2.scalars[key].tobytes():
            found.append(f"{key}: {tf1.scalars[key]} against {tf2.scalars[key]}")
    for key in tf1.histograms.keys() & tf2.histograms.keys():
        found += [f"{key}: {reason}" for reason in _of(tf1.histograms[key], tf2.histograms[key])]
    return found


def _of(tf1: Histogram, tf2: Histogram) -> list[str]:
    found = []
    if tf1[:3] != tf2[:3]:
        found.append(f"smallest, largest, number {tf1[:3]} against {tf2[:3]}")
    # The buckets have other edges. But the number of values below an edge of the one kind is at
    # least that below the other kind's edge before it, and at most that below the edge after it.
    padded = np.concatenate([[0], tf1.below, tf1.below[-1:]])
    # The last edge of TF2 is the largest value, which is in its bucket, not below it.
    for edge, below in list(zip(tf2.edges, tf2.below, strict=True))[:-1]:
        least = padded[np.searchsorted(tf1.edges, edge, side="right")]
        most = padded[np.searchsorted(tf1.edges, edge, side="left") + 1]
        if not least <= below <= most:
            found.append(f"{below} values below {edge}, which must be {least} to {most}")
    return found
