import tensorflow as tf
flags = tf.app.flags
flags.DEFINE_integer("batch", 32, "size")
FLAGS = flags.FLAGS
print(FLAGS.batch)
def main(_):
    pass
tf.app.run()
