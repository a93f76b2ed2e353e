import tensorflow as tf
def of_two(sess):
    sess.run([])
def handed_on(sess):
    sess.run([])
def of_many(sess):
    sess.run([])
@decorated
def wrapped(sess):
    sess.run([])
def never_called(sess):
    sess.run([])
def with_default(saver=object()):
    saver.restore("x")
of_two(tf.Session())
of_two(tf.InteractiveSession())
handed_on(tf.Session())
call_later(handed_on)
of_many(tf.Session())
of_many(*things)
wrapped(tf.Session())
with_default(tf.train.Saver())
with_default()
