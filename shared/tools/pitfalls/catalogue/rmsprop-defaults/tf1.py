import tensorflow.compat.v1 as tf


def train(gradients):
    with tf.Graph().as_default(), tf.Session() as session:
        weight = tf.get_variable("weight", initializer=0.0, use_resource=True)
        gradient = tf.placeholder(tf.float32, [])
        update = tf.train.RMSPropOptimizer(0.01).minimize(weight * gradient)
        session.run(tf.global_variables_initializer())
        for value in gradients:
            session.run(update, {gradient: value})
        return session.run(weight)


results = {
    "weight after 1 step, gradient 0.5": train([0.5]),
    "weight after 300 gradients of 0 and one of 1e-5": train(
        [0.0] * 300 + [1e-5]
    ),
}
