import tensorflow.compat.v1 as tf

with tf.Graph().as_default():
    weight = tf.get_variable("weight", initializer=0.0)
    loss = tf.exp(weight)
    train_op = tf.train.GradientDescentOptimizer(0.5).minimize(loss)

    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        # `train_op` is not fetched: nothing learns.
        looked = [session.run(loss) for _ in range(2)]
        trained = [session.run([loss, train_op])[0] for _ in range(3)]

results = {"loss, only looked at": looked, "loss, trained": trained}
