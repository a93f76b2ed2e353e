import tensorflow as tf

table = tf.Variable(tf.ones([3, 1]))
adam = tf.keras.optimizers.Adam(0.1, epsilon=1e-8)
adam.build([table])
with tf.GradientTape() as tape:
    rows = tf.nn.embedding_lookup(table, [0, 0, 0, 1])  # row 0 three times
    loss = tf.reduce_sum(rows * [[1.0], [2.0], [-2.5], [1.0]])
gradient = tape.gradient(loss, table)
gradient = tf.convert_to_tensor(gradient)  # sums the uses of each row
adam.apply_gradients([(gradient, table)])
m, v = adam.variables[2:]

results = {
    "m of a row of gradients 1, 2, -2.5": m[0, 0],
    "v of a row of gradients 1, 2, -2.5": v[0, 0],
    "that row after 1 step of rate 0.1 from 1": table[0, 0],
    "v of a row of gradient 1": v[1, 0],
}
