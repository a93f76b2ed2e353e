"""Predicts with the line that train.py saved."""

import tensorflow as tf

with tf.Session() as session:
    saver = tf.train.import_meta_graph("./line.meta")
    saver.restore(session, "./line")
    prediction = session.graph.get_tensor_by_name("prediction:0")
    for value in session.run(prediction, {"x:0": [0.0, 1.0, 10.0]}):
        print("%.3f" % value)
