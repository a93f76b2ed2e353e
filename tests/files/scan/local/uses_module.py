import common
y = common.relu(1.0)
z = common.tf.nn.softmax(y)
