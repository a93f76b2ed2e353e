import tensorflow as tf

tf.random.set_seed(1)
ones = tf.ones([8])
dropped = tf.nn.dropout(ones, rate=0.5)  # what to drop, not what to keep
noise = tf.random.stateless_uniform([8], seed=[1, 0])
chosen = tf.where(noise < 0.5, ones / 0.5, tf.zeros_like(ones))

results = {"nn.dropout": dropped, "stateless": chosen}
