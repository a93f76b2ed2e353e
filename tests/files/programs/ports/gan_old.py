"""A generative adversarial network: two optimizers, by turns."""

import numpy as np
import tensorflow as tf

random = np.random.RandomState(4)
real = tf.placeholder(tf.float32, [None, 4], name="real")
noise = tf.placeholder(tf.float32, [None, 3], name="noise")


def weights(name, *shape):
    return tf.get_variable(name, initializer=random.normal(0, 0.5, shape).astype("float32"))


def generator(z):
    with tf.variable_scope("g", reuse=tf.AUTO_REUSE):
        return tf.matmul(tf.nn.tanh(tf.matmul(z, weights("w1", 3, 8))), weights("w2", 8, 4))


def discriminator(x):
    with tf.variable_scope("d", reuse=tf.AUTO_REUSE):
        return tf.matmul(tf.nn.tanh(tf.matmul(x, weights("w1", 4, 6))), weights("w2", 6, 1))


def entropy(logits, target):
    labels = target * tf.ones_like(logits)
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=logits))


fake = generator(noise)
on_real, on_fake = discriminator(real), discriminator(fake)
d_loss = tf.add(entropy(on_real, 1.0), entropy(on_fake, 0.0), name="d_loss")
g_loss = tf.identity(entropy(on_fake, 1.0), name="g_loss")
of_d = [v for v in tf.trainable_variables() if v.name.startswith("d/")]
of_g = [v for v in tf.trainable_variables() if v.name.startswith("g/")]
d_train = tf.train.AdamOptimizer(0.01, beta1=0.5).minimize(d_loss, var_list=of_d)
g_train = tf.train.AdamOptimizer(0.01, beta1=0.5).minimize(g_loss, var_list=of_g)
with tf.Session() as session:
    session.run(tf.global_variables_initializer())
    for number in range(4):
        batch = np.random.RandomState(number)
        feeds = {real: batch.normal(size=(8, 4)), noise: batch.normal(size=(8, 3))}
        session.run(d_train, feeds)
        session.run(g_train, feeds)
