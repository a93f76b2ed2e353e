from tensorflow.models.rnn import rnn_cell
cell = rnn_cell.BasicLSTMCell(32)
exec "a = 1"
print `a`, 10L, 0777, ur"x"
