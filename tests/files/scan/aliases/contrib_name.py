from tensorflow.contrib.layers import xavier_initializer as xavier
init = xavier()
