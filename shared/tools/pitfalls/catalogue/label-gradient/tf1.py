import tensorflow.compat.v1 as tf

with tf.Graph().as_default(), tf.Session() as session:
    weight = tf.constant(1.0)
    labels, logits = weight * [[0.0, 1.0]], weight * [[2.0, 0.0]]
    loss = tf.nn.softmax_cross_entropy_with_logits(
        labels=labels, logits=logits
    )
    gradient = session.run(tf.gradients(loss, weight)[0])

results = {"gradient of a weight 1 that scales labels and logits": gradient}
