from common import tf, L
x = tf.placeholder(tf.int32, [None])
y = L.fully_connected(x, 3)
