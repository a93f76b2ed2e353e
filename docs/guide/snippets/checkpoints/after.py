import os
import tempfile

import tensorflow as tf

directory = tempfile.mkdtemp()


class Layer(tf.Module):
    def __init__(self):
        self.weights = tf.Variable([0.0, 0.0], name="weights")


layer = Layer()
layer.weights.assign([1.0, 2.0])
checkpoint = tf.train.Checkpoint(layer=layer)
manager = tf.train.CheckpointManager(
    checkpoint, directory, max_to_keep=3, checkpoint_name="model"
)
path = manager.save(checkpoint_number=7)

later = Layer()  # another program, later
checkpoint = tf.train.Checkpoint(layer=later)
checkpoint.restore(tf.train.latest_checkpoint(directory)).assert_consumed()
restored = later.weights.numpy()

(key,) = (name for name, _ in tf.train.list_variables(path) if "weights" in name)
results = {"restored": restored, "file": os.path.basename(path), "key": key}
