import tensorflow as tf
def generator(z, reuse=None):
    with tf.variable_scope("g", reuse=reuse):
        return tf.layers.dense(z, 784, activation=tf.nn.sigmoid)
z = tf.placeholder(tf.float32, [None, 100])
fake = generator(z)
variables = tf.trainable_variables()
loss = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels=fake, logits=fake))
train_g = tf.train.AdamOptimizer(2e-4, beta1=0.5).minimize(loss, var_list=variables)
