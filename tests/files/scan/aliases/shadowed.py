import tensorflow as tf
import numpy as np
def train(square):
    return square(2)
square = tf.square
mean = np.mean([1.0])
tensor = np.reshape([1], [1])
