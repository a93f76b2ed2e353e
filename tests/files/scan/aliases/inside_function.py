def build():
    import tensorflow as tf
    return tf.no_op()
def other(tf):
    return tf.no_op()
