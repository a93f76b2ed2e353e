import tensorflow.compat.v1 as tf

with tf.Graph().as_default(), tf.Session() as session:
    counter = tf.get_variable("counter", initializer=0, use_resource=True)
    prediction = tf.constant(2.0) * 3.0
    counter.assign_add(1)  # a node like any other; nobody fetches it
    session.run(tf.global_variables_initializer())
    session.run(prediction)
    results = {
        "times a counter beside the prediction was increased": session.run(
            counter
        )
    }
