import tensorflow as tf
data = tf.data.Dataset.range(10).shuffle(10).batch(2)
iterator = data.make_one_shot_iterator()
x = iterator.get_next()
