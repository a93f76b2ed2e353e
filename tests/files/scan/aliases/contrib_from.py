from tensorflow.contrib import slim
net = slim.conv2d(None, 32, [3, 3])
