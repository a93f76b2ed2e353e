import tensorflow.compat.v1 as tf

with tf.Graph().as_default(), tf.Session() as session:
    kernel = tf.get_variable("kernel", initializer=[[3.0], [4.0]])
    penalty = 0.125 * tf.nn.l2_loss(kernel)
    session.run(tf.global_variables_initializer())
    computed, (gradient,) = session.run(
        [penalty, tf.gradients(penalty, kernel)]
    )

results = {
    "penalty of weights 3 and 4, factor 1/8": computed,
    "its gradient by the first": gradient[0, 0],
}
