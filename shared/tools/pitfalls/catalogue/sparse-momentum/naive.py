import tensorflow as tf

table = tf.Variable(tf.ones([2, 1]))
optimizer = tf.keras.optimizers.SGD(0.5, momentum=0.5)
for ids in ([0, 1], [0]):
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.nn.embedding_lookup(table, ids))
    optimizer.apply_gradients([(tape.gradient(loss, table), table)])

results = {
    "row used in both of 2 steps": table[0, 0],
    "row used in the first step only": table[1, 0],
}
