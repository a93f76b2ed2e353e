import tensorflow as tf
<<<<<<< HEAD
x = tf.concat(0, [[1], [2]])
=======
x = tf.concat([[1], [2]], 0)
>>>>>>> branch
