import tensorflow as tf
def train(sess, saver, optimizer, op, x):
    sess.run(op)
    saver.restore(sess, "x")
    optimizer.apply_gradients([])
    x.run(op)
    return x.get_shape()
def plain(process, scipy_result):
    process.run("ls")
    scipy_result.minimize()
