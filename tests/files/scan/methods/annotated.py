import tensorflow as tf
def train(sess: tf.Session, op):
    return sess.run(op)
