"""Both input pipelines give the same examples in the same order, and a broken one is placed."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.eager import context

from shared.models import STYLES
from tf1_style import input_pipeline as tf1_pipeline
from tf2_style import input_pipeline as tf2_pipeline
from tf2_style.input_pipeline import (
    BATCH,
    EPOCHS,
    EXAMPLES,
    SEED,
    parse,
    run_until_the_end,
    shuffle,
)
from tf115_environment import run_tf115

MODULES = dict(zip(STYLES, (tf1_pipeline, tf2_pipeline), strict=True))
SECTIONS = [section.__name__ for section in tf2_pipeline.SECTIONS]
Batches = Sequence[tuple[np.ndarray, np.ndarray]]  # ids [batch] and values [batch, 3]


@pytest.fixture(autouse=True)
def no_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes back the seed that a test before may have set: `tf.random.set_seed` cannot."""
    monkeypatch.setattr(context.context(), "_seed", None)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = str(tmp_path_factory.mktemp("records") / "examples.tfrecord")
    tf1_pipeline.write(path)
    return path


def first_difference(a: Batches, b: Batches) -> tuple[int, str] | None:
    """The first batch that differs, from 1, and in what: length, ids or values."""
    for number, (x, y) in enumerate(itertools.zip_longest(a, b), start=1):
        if x is None or y is None or len(x[0]) != len(y[0]):
            return number, "length"
        for what, left, right in zip(("ids", "values"), x, y, strict=True):
            if left.dtype != right.dtype or left.tobytes() != right.tobytes():
                return number, what
    return None


@pytest.mark.parametrize("section", SECTIONS)
def test_both_styles_read_the_same_examples_in_the_same_order(section: str, path: str) -> None:
    batches = [getattr(module, section)(path) for module in MODULES.values()]
    assert first_difference(*batches) is None
    ids = np.concatenate([ids for ids, _ in batches[0]])
    epochs = 1 if section == "one_epoch" else EPOCHS
    assert sorted(ids) == sorted(list(range(EXAMPLES)) * epochs)  # none is lost, none is doubled


def test_both_styles_write_the_same_examples(path: str, tmp_path: Path) -> None:
    tf2_pipeline.write(str(tmp_path / "examples"))
    batches = [tf2_pipeline.one_epoch(each) for each in (path, str(tmp_path / "examples"))]
    assert first_difference(*batches) is None
    expected = np.random.RandomState(SEED).rand(EXAMPLES, 3).astype(np.float32)
    assert np.array_equal(np.concatenate([values for _, values in batches[0]]), expected)


def test_where_epochs_end(path: str) -> None:
    sizes = {name: [len(ids) for ids, _ in getattr(tf1_pipeline, name)(path)] for name in SECTIONS}
    assert sizes == {
        "queue": [BATCH] * 9 + [1],  # one batch goes across the border of the epochs
        "one_epoch": [BATCH] * 4 + [3],
        "epochs": ([BATCH] * 4 + [3]) * EPOCHS,
    }
    first, second = np.split(np.concatenate([ids for ids, _ in tf1_pipeline.epochs(path)]), EPOCHS)
    assert not np.array_equal(first, second) and not np.array_equal(first, np.arange(EXAMPLES))


def printed(style: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    assert MODULES[style].main([]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out.splitlines()


def test_both_styles_print_the_same_lines(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed("tf1_style", capsys)
    assert lines == printed("tf2_style", capsys) and len(lines) == 25 + len(SECTIONS)
    assert max(map(len, lines)) <= 80


@pytest.mark.tf115
def test_tensorflow_115_prints_the_same_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_tf115("input_pipeline").splitlines() == printed("tf2_style", capsys)


# ---- the mistakes -----------------------------------------------------------------------------


def records(path: str) -> Any:
    return tf.data.TFRecordDataset(path).map(parse)


def epoch_number(number: int) -> Any:
    return tf.constant(number, tf.int64)


def last_batch_dropped(path: str) -> Batches:
    return run_until_the_end(records(path).batch(BATCH, drop_remainder=True))


def repeated_after_the_batch(path: str) -> Batches:
    return run_until_the_end(records(path).batch(BATCH).repeat(EPOCHS))


def one_epoch_less(path: str) -> Batches:
    return run_until_the_end(records(path).repeat(EPOCHS - 1).batch(BATCH))


def same_order_in_epoch_2(path: str) -> Batches:
    first = run_until_the_end(shuffle(records(path), epoch_number(0)).batch(BATCH))
    return first * EPOCHS


def epochs_counted_from_1(path: str) -> Batches:
    numbers = map(epoch_number, range(1, EPOCHS + 1))
    return [
        batch
        for number in numbers
        for batch in run_until_the_end(shuffle(records(path), number).batch(BATCH))
    ]


def shuffled_by_the_batch(path: str) -> Batches:
    batches = records(path).batch(BATCH).shuffle(EXAMPLES, seed=SEED)
    return run_until_the_end(batches.repeat(EPOCHS))


def repeated_before_the_shuffle(path: str) -> Batches:
    """Epochs mixed: an example may come twice before another has come once."""
    both = records(path).repeat(EPOCHS).shuffle(EXAMPLES * EPOCHS, seed=SEED)
    return run_until_the_end(both.batch(BATCH))


def values_left_behind(path: str) -> Batches:
    """The ids in their new order beside the values in the old one."""
    values = np.concatenate([values for _, values in tf2_pipeline.one_epoch(path)])
    found = []
    for number in range(EPOCHS):
        dataset = shuffle(records(path), epoch_number(number))
        ids_only = dataset.map(lambda ids, _: ids)
        pairs = tf.data.Dataset.zip((ids_only, tf.data.Dataset.from_tensor_slices(values)))
        found += run_until_the_end(pairs.batch(BATCH))
    return found


TWINS: dict[str, tuple[str, Callable[[str], Batches], tuple[int, str]]] = {
    # name: (section, broken pipeline, (number of the first batch that differs, in what))
    "last batch dropped": ("one_epoch", last_batch_dropped, (5, "length")),
    "repeated after the batch": ("queue", repeated_after_the_batch, (5, "length")),
    "one epoch less": ("queue", one_epoch_less, (5, "length")),
    "same order in epoch 2": ("epochs", same_order_in_epoch_2, (6, "ids")),
    "epochs counted from 1": ("epochs", epochs_counted_from_1, (1, "ids")),
    "shuffled by the batch": ("epochs", shuffled_by_the_batch, (1, "ids")),
    "repeated before the shuffle": ("epochs", repeated_before_the_shuffle, (1, "ids")),
    "values left behind": ("epochs", values_left_behind, (1, "values")),
}


@pytest.mark.parametrize("mistake", TWINS)
def test_a_broken_pipeline_is_found_where_it_breaks(mistake: str, path: str) -> None:
    section, broken, expected = TWINS[mistake]
    assert first_difference(getattr(tf1_pipeline, section)(path), broken(path)) == expected


def test_epochs_mixed_by_a_repeat_before_the_shuffle_lose_examples_of_the_first(path: str) -> None:
    ids = np.concatenate([ids for ids, _ in repeated_before_the_shuffle(path)])
    assert len(set(ids[:EXAMPLES])) < EXAMPLES == len(set(ids))


def test_a_queue_without_the_flag_drops_the_last_examples(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, batch = tf1_pipeline.queue(path), tf1_pipeline.tf.train.batch

    def plain(tensors: Any, size: int, allow_smaller_final_batch: bool) -> Any:
        return batch(tensors, size)

    monkeypatch.setattr(tf1_pipeline.tf.train, "batch", plain)
    assert first_difference(whole, tf1_pipeline.queue(path)) == (10, "length")


def test_the_shuffle_of_tf_data_differs_in_epoch_2(path: str) -> None:
    """Initialized again, an iterator starts over; iterated again, a dataset goes on."""
    tf1 = tf1_pipeline.tf
    with tf.Graph().as_default(), tf1.Session() as session:
        dataset = records(path).shuffle(EXAMPLES, seed=SEED).batch(BATCH)
        iterator = tf1.data.make_initializable_iterator(dataset)
        batch, initialized = iterator.get_next(), []
        for _ in range(EPOCHS):
            session.run(iterator.initializer)
            initialized += tf1_pipeline.run_until_the_end(session, batch)
    dataset = records(path).shuffle(EXAMPLES, seed=SEED).batch(BATCH)
    iterated = [batch for _ in range(EPOCHS) for batch in run_until_the_end(dataset)]
    assert first_difference(initialized[:5], initialized[5:]) is None
    assert first_difference(iterated[:5], iterated[5:]) == (1, "ids")
    # In this TensorFlow both draw the same order from a seed; so only epoch 2 shows it.
    assert first_difference(initialized, iterated) == (6, "ids")


def test_a_record_of_another_type_is_refused(path: str) -> None:
    def as_floats(record: Any) -> Any:
        return tf.io.parse_single_example(record, {"id": tf.io.FixedLenFeature([], tf.float32)})

    with pytest.raises(tf.errors.InvalidArgumentError, match="Data types don't match"):
        list(tf.data.TFRecordDataset(path).map(as_floats))


def test_the_program_has_no_commands(capsys: pytest.CaptureFixture[str]) -> None:
    for module in MODULES.values():
        with pytest.raises(SystemExit) as caught:
            module.main(["train"])
        assert caught.value.code == 2
        assert "unrecognized arguments: train" in capsys.readouterr().err
