import tensorflow as tf
try:
    y = tf.pack([1, 2])
except ValueError, e:
    print e
tf.scalar_summary("loss", 1.0)
