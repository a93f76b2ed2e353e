from tensorflow.python.ops import rnn_cell
cell = rnn_cell.BasicLSTMCell(64)
