from tensorflow.contrib.layers import *
net = conv2d(None, 8, 3)
