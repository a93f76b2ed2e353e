import tensorflow as tf
from tensorflow.contrib import rnn
x = tf.placeholder(tf.float32, [None, 28, 28])
cell = tf.nn.rnn_cell.LSTMCell(64)
cell = tf.nn.rnn_cell.DropoutWrapper(cell, output_keep_prob=0.5)
outputs, state = tf.nn.dynamic_rnn(cell, x, dtype=tf.float32)
stacked = rnn.MultiRNNCell([cell])
