import tensorflow as tf

logits = tf.constant([[2.0, 0.0]])
with tf.GradientTape() as tape:
    tape.watch(logits)
    predictions = tf.nn.softmax(logits)  # or activation="softmax" of a layer
    loss = tf.nn.softmax_cross_entropy_with_logits(
        labels=[[1.0, 0.0]], logits=predictions
    )
gradient = tape.gradient(loss, logits)

results = {
    "loss of logits 2 0, label 1 0": loss[0],
    "its gradient by the first logit": gradient[0, 0],
}
