import tensorflow.compat.v1 as tf

with tf.Graph().as_default():
    weight = tf.get_variable("weight", initializer=1.0)
    optimizer = tf.train.AdamOptimizer(learning_rate=0.1)  # epsilon is 1e-8
    train_op = optimizer.minimize(tf.square(weight))

    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for _ in range(3):
            session.run(train_op)
        first_moment, second_moment = (
            optimizer.get_slot(weight, name) for name in ("m", "v")
        )
        weight_value, m, v = session.run([weight, first_moment, second_moment])
        state = sorted(variable.op.name for variable in optimizer.variables())

results = {"weight": weight_value, "m": m, "v": v, "state": state}
