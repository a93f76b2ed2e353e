import tensorflow.compat.v1 as tf

with tf.Graph().as_default(), tf.Session() as session:
    dataset = tf.data.Dataset.range(1, 100)
    batch = tf.data.make_one_shot_iterator(dataset).get_next()
    weight = tf.get_variable("weight", initializer=0.0, use_resource=True)
    loss = weight * tf.cast(batch, tf.float32)
    update = tf.train.GradientDescentOptimizer(0.125).minimize(loss)
    session.run(tf.global_variables_initializer())
    batches = []
    for _ in range(3):
        number, _ = session.run([batch, update])  # of the step itself
        batches.append(number)
    trained = session.run(weight)

results = {
    "batches of which the loss was logged": batches,
    "weight after 3 steps of rate 1/8": trained,
}
