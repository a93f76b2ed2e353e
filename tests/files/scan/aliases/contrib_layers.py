from tensorflow.contrib import layers
net = layers.batch_norm(None)
