import tensorflow.compat.v1 as tf

with tf.Graph().as_default(), tf.Session() as session:
    weight = tf.get_variable("weight", initializer=0.0, use_resource=True)
    average = tf.train.ExponentialMovingAverage(decay=0.5)
    step = tf.train.GradientDescentOptimizer(1.0).minimize(weight * 1.0)
    with tf.control_dependencies([step]):
        update = average.apply([weight])
    session.run(tf.global_variables_initializer())
    averages = []
    for _ in range(3):
        session.run(update)
        averages.append(session.run(average.average(weight)))

results = {"averages of a weight 0, -1, -2, -3, decay 1/2": averages}
