import tensorflow as tf

weight = tf.Variable(0.0)
optimizer = tf.keras.optimizers.SGD(1.0)
average = tf.train.ExponentialMovingAverage(decay=0.5)  # TF2 still has it
average.apply([weight])  # before the first step: starts at the initial value
averages = []
for _ in range(3):
    optimizer.apply_gradients([(tf.constant(1.0), weight)])
    average.apply([weight])
    averages.append(float(average.average(weight)))

results = {"averages of a weight 0, -1, -2, -3, decay 1/2": averages}
