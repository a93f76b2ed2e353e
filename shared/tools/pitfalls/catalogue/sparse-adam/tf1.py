import tensorflow.compat.v1 as tf

with tf.Graph().as_default(), tf.Session() as session:
    table = tf.get_variable("table", initializer=tf.ones([3, 1]))
    rows = tf.nn.embedding_lookup(table, [0, 0, 0, 1])  # row 0 three times
    loss = tf.reduce_sum(rows * [[1.0], [2.0], [-2.5], [1.0]])
    optimizer = tf.train.AdamOptimizer(0.1)
    update = optimizer.minimize(loss)
    session.run(tf.global_variables_initializer())
    session.run(update)
    trained, m, v = session.run(
        [table, *(optimizer.get_slot(table, name) for name in ("m", "v"))]
    )

results = {
    "m of a row of gradients 1, 2, -2.5": m[0, 0],
    "v of a row of gradients 1, 2, -2.5": v[0, 0],
    "that row after 1 step of rate 0.1 from 1": trained[0, 0],
    "v of a row of gradient 1": v[1, 0],
}
