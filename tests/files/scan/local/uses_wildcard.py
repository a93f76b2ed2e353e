from common import *
cell = rnn.BasicLSTMCell(10)
q = tf.abs(-1.0)
