import tensorflow.compat.v1 as tf

with tf.Graph().as_default():
    x = tf.placeholder(tf.float32, [])
    shown = tf.Print(x, [x], message="x: ")  # prints only where its result is used
    logarithm = tf.check_numerics(tf.log(shown), "logarithm")
    with tf.Session() as session:
        good = session.run(logarithm, {x: 1.0})
        try:
            session.run(logarithm, {x: -1.0})
        except tf.errors.InvalidArgumentError as error:
            found = "logarithm : Tensor had NaN" in str(error)

results = {"good": good, "NaN found": found}
