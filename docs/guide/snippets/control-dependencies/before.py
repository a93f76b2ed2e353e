import tensorflow.compat.v1 as tf

with tf.Graph().as_default():
    average = tf.get_variable("average", initializer=0.0, use_resource=True)
    value = tf.placeholder(tf.float32, [])
    update = tf.assign(average, 0.5 * average + 0.5 * value)
    # Without this, nothing says which comes first.
    with tf.control_dependencies([update]):
        centred = value - average.read_value()

    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        outputs = [session.run(centred, {value: number}) for number in (1.0, 2.0, 4.0)]

results = {"centred": outputs}
