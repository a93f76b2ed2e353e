import tensorflow as tf

average = tf.Variable(0.0, name="average")


@tf.function(input_signature=[tf.TensorSpec([], tf.float32)])
def centred(value):
    average.assign(0.5 * average + 0.5 * value)
    return value - average  # reads what the line above has written


outputs = [centred(number) for number in (1.0, 2.0, 4.0)]

results = {"centred": outputs}
