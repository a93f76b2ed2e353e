import tensorflow as tf

logits = tf.constant([[2.0, 0.0]])
cross_entropy = tf.keras.losses.CategoricalCrossentropy(from_logits=True)
with tf.GradientTape() as tape:
    tape.watch(logits)  # the last layer has no activation
    loss = cross_entropy(tf.constant([[1.0, 0.0]]), logits)
gradient = tape.gradient(loss, logits)
predictions = tf.nn.softmax(logits)  # for those who read them

results = {
    "loss of logits 2 0, label 1 0": loss,
    "its gradient by the first logit": gradient[0, 0],
}
