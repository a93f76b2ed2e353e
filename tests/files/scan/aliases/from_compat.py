from tensorflow.compat import v1 as tf1
scope = tf1.variable_scope("a")
