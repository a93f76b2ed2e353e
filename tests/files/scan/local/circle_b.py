import tensorflow as tf
import circle_a
def b():
    return tf.size(circle_a.a())
