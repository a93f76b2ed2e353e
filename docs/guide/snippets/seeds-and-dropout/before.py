import tensorflow.compat.v1 as tf

with tf.Graph().as_default():
    tf.set_random_seed(1)
    ones = tf.ones([8])
    dropped = tf.nn.dropout(ones, keep_prob=0.5)
    noise = tf.random.stateless_uniform([8], seed=[1, 0])
    chosen = tf.where(noise < 0.5, ones / 0.5, tf.zeros_like(ones))
    with tf.Session() as session:
        results = dict(zip(["nn.dropout", "stateless"], session.run([dropped, chosen])))
