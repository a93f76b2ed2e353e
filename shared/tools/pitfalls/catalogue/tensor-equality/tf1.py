import tensorflow.compat.v1 as tf

with tf.Graph().as_default():
    left, right = tf.constant([1.0, 2.0]), tf.constant([1.0, 3.0])
    results = {
        "tensor of 1 2 == tensor of 1 3": str(left == right),
        "tensor as the key of a dictionary": {left: "found"}[left],
    }
