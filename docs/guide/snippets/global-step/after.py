import tensorflow as tf

weight = tf.Variable(1.0, name="weight")
global_step = tf.Variable(0, dtype=tf.int64, name="global_step")
rate = tf.keras.optimizers.schedules.ExponentialDecay(
    0.25, decay_steps=1, decay_rate=0.5
)
# Asks the schedule with its own count, `iterations`.
optimizer = tf.keras.optimizers.SGD(rate)
optimizer.build([weight])


@tf.function
def train_step():
    with tf.GradientTape() as tape:
        loss = tf.square(weight)
    optimizer.apply_gradients(zip(tape.gradient(loss, [weight]), [weight]))
    global_step.assign_add(1)  # nobody else counts


weights = []
for _ in range(3):
    train_step()
    weights.append(weight.numpy())

results = {"weights": weights, "step": global_step, "iterations": optimizer.iterations}
