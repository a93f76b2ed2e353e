import os
import tempfile

import tensorflow as tf

logdir = tempfile.mkdtemp()

writer = tf.summary.create_file_writer(logdir)
with writer.as_default():
    for step, value in enumerate([4.0, 2.0, 1.0]):
        # Writes at once: nothing to merge or to run.
        tf.summary.scalar("training/loss", value, step=step)
writer.close()

# What TensorBoard reads.
(path,) = (os.path.join(logdir, name) for name in os.listdir(logdir))
records = [record.numpy() for record in tf.data.TFRecordDataset(path)]
events = [tf.compat.v1.Event.FromString(record) for record in records]
events = [event for event in events if event.summary.value]
results = {
    "tag": events[0].summary.value[0].tag,
    "steps": [event.step for event in events],
    "values": [tf.make_ndarray(event.summary.value[0].tensor) for event in events],
    "held in": events[0].summary.value[0].WhichOneof("value"),
}
