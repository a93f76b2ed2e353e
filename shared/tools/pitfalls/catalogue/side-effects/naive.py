import tensorflow as tf

counter = tf.Variable(0)


@tf.function
def predict():
    prediction = tf.constant(2.0) * 3.0
    counter.assign_add(1)
    return prediction


predict()
results = {"times a counter beside the prediction was increased": counter}
