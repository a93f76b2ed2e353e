import tensorflow.compat.v1 as tf

with tf.Graph().as_default(), tf.Session() as session:
    logits = tf.placeholder(tf.float32, [1, 2])
    loss = -tf.reduce_sum([[1.0, 0.0]] * tf.math.log(tf.nn.softmax(logits)))
    gradient = tf.gradients(loss, logits)[0]
    # The softmax is 1 and 0: right, and as sure as float32 can be.
    feed_dict = {logits: [[200.0, 0.0]]}
    alone = abs(session.run(loss, feed_dict))
    training = abs(session.run([loss, gradient], feed_dict)[0])

results = {
    "loss alone: against eager": alone,
    "loss alone: against tf.function": alone,
    "loss alone: against XLA": alone,
    "loss fetched with its gradient: against tf.function": training,
}
