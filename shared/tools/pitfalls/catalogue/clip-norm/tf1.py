import tensorflow.compat.v1 as tf

with tf.Graph().as_default(), tf.Session() as session:
    weights = [tf.get_variable(name, initializer=0.0) for name in "ab"]
    loss = 3.0 * weights[0] + 4.0 * weights[1]
    gradients, _ = tf.clip_by_global_norm(tf.gradients(loss, weights), 1.0)
    optimizer = tf.train.GradientDescentOptimizer(1.0)
    update = optimizer.apply_gradients(zip(gradients, weights))
    session.run(tf.global_variables_initializer())
    session.run(update)
    trained = session.run(weights)

results = {"two weights after 1 step, gradients 3 and 4, norm 1": trained}
