import tensorflow as tf
class Model(object):
    def __init__(self):
        self.sess = tf.Session()
        self.lr = 0.1
        self.opt = tf.train.RMSPropOptimizer(self.lr)
    def train(self, loss):
        step = self.opt.minimize(loss)
        return self.sess.run(step)
