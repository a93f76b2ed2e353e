import tensorflow.contrib.layers
net = tensorflow.contrib.layers.flatten(None)
