import tensorflow as tf

weight = tf.Variable(0.0)
optimizer = tf.keras.optimizers.Adam(0.001, epsilon=1e-8)
optimizer.build([weight])
(v,) = [s for s in optimizer.variables if s.path.endswith("_velocity")]
seen = []
for step in range(1, 101):
    optimizer.apply_gradients([(tf.constant(1.0 / step), weight)])
    seen.append((float(weight), float(v)))

results = {
    "v after 1 step, gradient 1": seen[0][1],
    "1 - beta2**t at step 3": 1 - tf.pow(tf.constant(0.999), 3.0),
    "weight after 1 step, gradient 1": seen[0][0],
    "weight after 100 steps, gradients 1, 1/2, 1/3, ...": seen[99][0],
}
