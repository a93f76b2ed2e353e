import tensorflow.compat.v1 as tf

with tf.Graph().as_default():
    labels = tf.placeholder(tf.int64, [None])
    predictions = tf.placeholder(tf.int64, [None])
    accuracy, update_op = tf.metrics.accuracy(labels, predictions)

    with tf.Session() as session:
        session.run(tf.local_variables_initializer())
        before = session.run(accuracy)
        session.run(update_op, {labels: [1, 2], predictions: [1, 2]})
        first = session.run(accuracy)
        session.run(
            update_op, {labels: [1, 2, 3, 4, 5, 6], predictions: [1, 0, 0, 0, 0, 0]}
        )
        both = session.run(accuracy)

results = {"of nothing": before, "first batch": first, "both batches": both}
