import tensorflow
a = tensorflow.constant([1.0, 2.0])
b = tensorflow.train.GradientDescentOptimizer(0.1)
