import tensorflow.compat.v1 as tf

with tf.Graph().as_default():
    weight = tf.get_variable("weight", initializer=1.0)
    global_step = tf.train.get_or_create_global_step()
    rate = tf.train.exponential_decay(0.25, global_step, decay_steps=1, decay_rate=0.5)
    optimizer = tf.train.GradientDescentOptimizer(rate)
    # Counts, too.
    train_op = optimizer.minimize(tf.square(weight), global_step=global_step)

    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        weights = []
        for _ in range(3):
            session.run(train_op)
            weights.append(session.run(weight))
        step = session.run(global_step)

results = {"weights": weights, "step": step}
