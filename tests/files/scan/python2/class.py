import tensorflow as tf
class Net:
    def __init__(self, (rows, cols), rate=0.1):
        self.sess = tf.Session()
        self.x = tf.placeholder("float", [rows, cols])
    def run(self):
        print >>sys.stderr, "running"
        return self.sess.run(self.x, feed_dict={self.x: 1})
