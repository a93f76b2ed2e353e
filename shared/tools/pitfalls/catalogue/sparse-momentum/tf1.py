import tensorflow.compat.v1 as tf

with tf.Graph().as_default(), tf.Session() as session:
    table = tf.get_variable("table", initializer=tf.ones([2, 1]))
    ids = tf.placeholder(tf.int32, [None])
    loss = tf.reduce_sum(tf.nn.embedding_lookup(table, ids))
    update = tf.train.MomentumOptimizer(0.5, momentum=0.5).minimize(loss)
    session.run(tf.global_variables_initializer())
    session.run(update, {ids: [0, 1]})
    session.run(update, {ids: [0]})
    trained = session.run(table)

results = {
    "row used in both of 2 steps": trained[0, 0],
    "row used in the first step only": trained[1, 0],
}
