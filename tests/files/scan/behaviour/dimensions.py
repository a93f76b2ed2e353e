import tensorflow as tf


def flat(x, input_shape):
    width = x.get_shape()[1].value
    height = x.shape[2].value
    depth = input_shape[-1].value
    rows = x.shape.dims[0].value
    cell = table.rows[0].value
    every = x.shape.as_list()
    return tf.reshape(x, [-1, width * height * depth])
