import tensorflow as tf
nn = tf.nn
act = nn.relu
f = act
y = f(1.0)
