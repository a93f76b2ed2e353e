import tensorflow

tf = tensorflow.compat.v1  # what tf_upgrade_v2 makes of each name


def is_found(name):
    module = tf
    for part in name.split("."):
        try:
            module = getattr(module, part)
        except (AttributeError, ImportError):
            return False
    return True


def dense():
    with tf.Graph().as_default(), tf.Session() as session:
        kernel, bias = (
            tf.constant_initializer(2.0),
            tf.constant_initializer(1.0),
        )
        output = tf.layers.dense(
            tf.constant([[3.0]]), 1, None, True, kernel, bias
        )
        session.run(tf.global_variables_initializer())
        return session.run(output)[0, 0]


try:
    computed = dense()
except AttributeError as error:
    computed = "AttributeError: " + str(error)

results = {
    "layers.dense of 3, kernel 2, bias 1": computed,
    "nn.rnn_cell.LSTMCell found": is_found("nn.rnn_cell.LSTMCell"),
    "estimator.Estimator found": is_found("estimator.Estimator"),
    "tf.contrib found": "contrib" in dir(tensorflow),
}
