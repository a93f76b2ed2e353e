import tensorflow.compat.v1 as tf

with (
    tf.Graph().as_default()
):  # under TensorFlow 2 that makes it a TF1 program
    x = tf.placeholder(tf.float32, [])
    y = x * 2.0
    with tf.Session() as session:
        doubled = session.run(y, {x: 21.0})

results = {"result of a placeholder script that doubles 21": doubled}
