import tensorflow as tf
class Model(object):
    def save(self):
        self.saver.save(self.sess, "x")
    def build(self):
        self.saver = tf.train.Saver()
        self.sess = tf.InteractiveSession()
