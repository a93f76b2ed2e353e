"""Why the pair saves by itself: what checkpoint_dir of a MonitoredTrainingSession does."""

from __future__ import annotations

from pathlib import Path

import shared.tensorflow_loading  # noqa: F401  before TensorFlow is imported


def train(folder: Path, steps: int) -> None:
    import tensorflow.compat.v1 as tf

    with tf.Graph().as_default():
        count = tf.assign_add(tf.train.get_or_create_global_step(), 1)
        with tf.train.MonitoredTrainingSession(
            checkpoint_dir=str(folder), save_checkpoint_steps=5
        ) as session:
            for _ in range(steps):
                session.run(count)


def test_a_monitored_session_saves_over_what_it_restored(tmp_path: Path) -> None:
    train(tmp_path, 5)
    index = tmp_path / "model.ckpt-5.index"
    before = index.stat()
    train(tmp_path, 0)  # starts, and trains nothing
    after = index.stat()
    assert (before.st_ino, before.st_mtime_ns) != (after.st_ino, after.st_mtime_ns)
