from functools import partial
import tensorflow as tf
def net(x):
    fc = partial(tf.layers.dense, units=3)
    return fc(x)
