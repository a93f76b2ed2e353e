import tensorflow as tf
class Model(object):
    def __init__(self, sess, saver=None):
        self.sess = sess
        self.saver = saver
    def train(self, op, writer):
        writer.add_summary(self.sess.run(op))
        self.saver.save(self.sess, "x")
def restore(saver, sess, path):
    saver.restore(sess, path)
def outer(sess):
    inner(sess)
def inner(sess):
    return sess.run([])
with tf.Session() as session:
    model = Model(session, saver=tf.train.Saver())
    model.train([], tf.summary.FileWriter("logs"))
    restore(tf.train.Saver(), session, "x")
    outer(session)
