import tensorflow as tf

counter = tf.Variable(0)


@tf.function
def predict():
    return tf.constant(2.0) * 3.0


@tf.function
def count():  # called only where the TF1 code fetched it
    counter.assign_add(1)


predict()
results = {"times a counter beside the prediction was increased": counter}
