import tensorflow.compat.v1 as tf

with tf.Graph().as_default(), tf.Session() as session:
    weight = tf.get_variable("weight", initializer=0.0, use_resource=True)
    step = tf.train.get_or_create_global_step()
    rate = tf.train.exponential_decay(
        1.0, step, decay_steps=1, decay_rate=0.5
    )
    update = tf.train.GradientDescentOptimizer(rate).minimize(
        weight * 1.0, step
    )
    session.run(tf.global_variables_initializer())
    for _ in range(3):
        session.run(update)  # computes the rate anew from the step
    results = {
        "weight after 3 steps, rate 1 halved each step": session.run(weight)
    }
