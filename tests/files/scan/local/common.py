import tensorflow as tf
import tensorflow.contrib.layers as L
from tensorflow.contrib import rnn
optimizer = tf.train.AdamOptimizer(1e-3)
relu = tf.nn.relu
