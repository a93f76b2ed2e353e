import tensorflow.compat.v1 as tf

with tf.Graph().as_default(), tf.Session() as session:
    x = tf.constant([[0.0], [2.0]])
    normalized = tf.layers.batch_normalization(x, momentum=0.5, training=True)
    head = tf.get_variable("head", initializer=1.0)
    loss = tf.reduce_sum(tf.square(head * normalized))
    optimizer = tf.train.GradientDescentOptimizer(0.125)
    train_op = optimizer.minimize(loss, var_list=[head])  # all else frozen
    updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    session.run(tf.global_variables_initializer())
    value = session.run(normalized)[1, 0]
    session.run([train_op, *updates])
    found = {v.op.name: session.run(v) for v in tf.global_variables()}
    results = {
        "2 of a batch 0 2, normalized by a frozen layer": value,
        "moving mean after that batch, momentum 1/2": found[
            "batch_normalization/moving_mean"
        ][0],
        "gamma after a step": found["batch_normalization/gamma"][0],
    }
