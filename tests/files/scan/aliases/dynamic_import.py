import importlib
tf = importlib.import_module("tensorflow")
slim = importlib.import_module("tensorflow.contrib.slim")
y = tf.exp(1.0)
z = slim.dropout(y, 0.5)
