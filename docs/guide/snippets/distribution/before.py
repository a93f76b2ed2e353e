import numpy as np
import tensorflow.compat.v1 as tf

inputs = np.array([1.0, 2.0, 3.0, 4.0], np.float32)
targets = 2 * inputs

with tf.Graph().as_default():
    weight = tf.get_variable("weight", initializer=0.5)
    optimizer = tf.train.GradientDescentOptimizer(0.03125)
    towers = []
    # With GPUs, "/gpu:0" and "/gpu:1".
    for tower, device in enumerate(["/cpu:0", "/cpu:0"]):
        with tf.device(device):
            rows = slice(2 * tower, 2 * tower + 2)
            loss = tf.reduce_mean(tf.square(weight * inputs[rows] - targets[rows]))
            towers.append(optimizer.compute_gradients(loss, [weight])[0][0])
    train_op = optimizer.apply_gradients([(tf.add_n(towers) / len(towers), weight)])

    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        weights = []
        for _ in range(3):
            session.run(train_op)
            weights.append(session.run(weight))

results = {"weights": weights}
