import tensorflow as tf
loss = tf.get_variable("w", [])
optimizer = tf.train.MomentumOptimizer(0.1, 0.9)
grads = optimizer.compute_gradients(loss)
train = optimizer.apply_gradients(grads)
slot = optimizer.get_slot(loss, "momentum")
once = tf.train.AdamOptimizer(0.1).minimize(loss)
