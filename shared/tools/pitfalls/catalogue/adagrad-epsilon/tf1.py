import tensorflow.compat.v1 as tf

with tf.Graph().as_default(), tf.Session() as session:
    weight = tf.get_variable("weight", initializer=0.0, use_resource=True)
    gradient = tf.placeholder(tf.float32, [])
    optimizer = tf.train.AdagradOptimizer(
        0.01, initial_accumulator_value=1e-8
    )
    update = optimizer.minimize(weight * gradient)
    session.run(tf.global_variables_initializer())
    session.run(update, {gradient: 1e-4})
    results = {
        "weight after 1 step, gradient 1e-4, slot from 1e-8": session.run(
            weight
        )
    }
