import tensorflow.compat.v1 as tf

with tf.Graph().as_default(), tf.Session() as session:
    logits = tf.constant([[2.0, 0.0]])
    loss = tf.nn.softmax_cross_entropy_with_logits(
        labels=[[1.0, 0.0]], logits=logits
    )
    gradient = tf.gradients(loss, logits)[0]
    (computed,), gradient = session.run([loss, gradient])

results = {
    "loss of logits 2 0, label 1 0": computed,
    "its gradient by the first logit": gradient[0, 0],
}
