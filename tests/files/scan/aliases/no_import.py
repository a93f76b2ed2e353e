# The import stands in a file that is not here: "tensorflow" only in this comment.
y = tf.square(2.0)
