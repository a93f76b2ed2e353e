import tensorflow as tf
sess = tf.Session()
sess.run(tf.global_variables_initializer())
graph = sess.graph
op = graph.get_operations()
sess.close()
