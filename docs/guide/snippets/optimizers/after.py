import tensorflow as tf

weight = tf.Variable(1.0, name="weight")
# The default of epsilon is 1e-7.
optimizer = tf.keras.optimizers.Adam(learning_rate=0.1, epsilon=1e-8)
optimizer.build([weight])  # creates the slots now, outside of any tf.function


@tf.function
def train_step():
    with tf.GradientTape() as tape:
        loss = tf.square(weight)
    optimizer.apply_gradients(zip(tape.gradient(loss, [weight]), [weight]))


for _ in range(3):
    train_step()
m, v = (variable.numpy() for variable in optimizer.variables[2:])
state = sorted(variable.name for variable in optimizer.variables)

results = {"weight": weight.numpy(), "m": m, "v": v, "state": state}
