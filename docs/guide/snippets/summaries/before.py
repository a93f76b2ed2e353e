import os
import tempfile

import tensorflow.compat.v1 as tf

logdir = tempfile.mkdtemp()

with tf.Graph().as_default():
    loss = tf.placeholder(tf.float32, [], name="loss")
    tf.summary.scalar("training/loss", loss)
    summaries = tf.summary.merge_all()
    with tf.Session() as session:
        writer = tf.summary.FileWriter(logdir)
        for step, value in enumerate([4.0, 2.0, 1.0]):
            writer.add_summary(session.run(summaries, {loss: value}), global_step=step)
        writer.close()

# What TensorBoard reads.
(path,) = (os.path.join(logdir, name) for name in os.listdir(logdir))
events = [event for event in tf.train.summary_iterator(path) if event.summary.value]
results = {
    "tag": events[0].summary.value[0].tag,
    "steps": [event.step for event in events],
    "values": [event.summary.value[0].simple_value for event in events],
    "held in": events[0].summary.value[0].WhichOneof("value"),
}
