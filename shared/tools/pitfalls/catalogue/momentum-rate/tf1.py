import tensorflow.compat.v1 as tf


def train(rates):
    with tf.Graph().as_default(), tf.Session() as session:
        weight = tf.get_variable("weight", initializer=0.0, use_resource=True)
        rate = tf.placeholder(tf.float32, [])
        update = tf.train.MomentumOptimizer(rate, momentum=0.5).minimize(
            weight * 1.0
        )
        session.run(tf.global_variables_initializer())
        for value in rates:
            session.run(update, {rate: value})
        return session.run(weight)


results = {
    "weight after 3 steps, rate 1/2 throughout": train([0.5, 0.5, 0.5]),
    "weight after 3 steps, rate 1/2, then 1/4": train([0.5, 0.25, 0.25]),
}
