import tensorflow.compat.v1 as tf

with tf.Graph().as_default(), tf.Session() as session:
    weight = tf.get_variable("weight", initializer=1.0, use_resource=True)
    loss = tf.reduce_mean(weight * [[1.0], [3.0]])
    update = tf.train.GradientDescentOptimizer(0.125).minimize(loss)
    trained_variables = len(tf.trainable_variables())
    session.run(tf.global_variables_initializer())
    session.run(update)
    trained = session.run(weight)

results = {
    "trained variables": trained_variables,
    "weight 1 after 1 step of gradient 2, rate 1/8": trained,
}
