import tensorflow.contrib.slim as slim
net = slim.fully_connected(None, 10)
