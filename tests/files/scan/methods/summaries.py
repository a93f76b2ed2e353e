import tensorflow as tf
writer = tf.summary.FileWriter("logs")
tf.summary.scalar("loss", 1.0)
writer.add_summary(None, 1)
writer.close()
