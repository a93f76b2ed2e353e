import tensorflow as tf

weight = tf.Variable(0.0, name="weight")
optimizer = tf.keras.optimizers.SGD(0.5)
optimizer.build([weight])


@tf.function
def compute_loss():
    return tf.exp(weight)


@tf.function
def train_step():
    with tf.GradientTape() as tape:
        loss = compute_loss()
    # Runs because it stands here; evaluation is a function of its own.
    optimizer.apply_gradients(zip(tape.gradient(loss, [weight]), [weight]))
    return loss


looked = [compute_loss() for _ in range(2)]
trained = [train_step() for _ in range(3)]

results = {"loss, only looked at": looked, "loss, trained": trained}
