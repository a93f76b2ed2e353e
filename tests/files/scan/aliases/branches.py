import tensorflow as tf
import sys
if len(sys.argv) > 1:
    cell = tf.nn.rnn_cell.GRUCell
else:
    cell = tf.nn.rnn_cell.LSTMCell
made = cell(8)
