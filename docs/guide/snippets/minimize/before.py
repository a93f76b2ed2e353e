import numpy as np
import tensorflow.compat.v1 as tf

inputs, targets = np.array([1.0, 2.0], np.float32), np.array([2.0, 5.0], np.float32)

with tf.Graph().as_default():
    weight = tf.get_variable("weight", initializer=0.5)
    loss = tf.reduce_sum(tf.square(weight * inputs - targets))
    train_op = tf.train.GradientDescentOptimizer(0.05).minimize(loss)

    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        weights = []
        for _ in range(3):
            session.run(train_op)
            weights.append(session.run(weight))

results = {"weights": weights}
