import tensorflow.compat.v1 as tf

with tf.Graph().as_default(), tf.Session() as session:
    weight = tf.get_variable("weight", initializer=0.0, use_resource=True)
    losses = weight * [[1.0], [2.0], [3.0], [4.0]]  # a loss per example
    update = tf.train.GradientDescentOptimizer(0.125).minimize(losses)
    session.run(tf.global_variables_initializer())
    session.run(update)
    trained = session.run(weight)

results = {
    "weight after 1 step of rate 1/8: against a tape": trained,
    "weight after 1 step of rate 1/8: against Keras fit": trained,
}
