import tempfile

import tensorflow as tf

directory = tempfile.mkdtemp()

weight = tf.Variable(0.0, name="weight")
global_step = tf.Variable(0, dtype=tf.int64, name="global_step")
optimizer = tf.keras.optimizers.SGD(0.5)
optimizer.build([weight])
checkpoint = tf.train.Checkpoint(
    weight=weight, global_step=global_step, optimizer=optimizer
)
manager = tf.train.CheckpointManager(checkpoint, directory, max_to_keep=5)


@tf.function
def train_step():
    with tf.GradientTape() as tape:
        loss = tf.exp(weight)
    optimizer.apply_gradients(zip(tape.gradient(loss, [weight]), [weight]))
    global_step.assign_add(1)
    return loss


if manager.latest_checkpoint:
    checkpoint.restore(manager.latest_checkpoint).assert_consumed()
losses = []
while global_step < 4:
    losses.append(train_step().numpy())
    if global_step % 2 == 0:
        manager.save(checkpoint_number=global_step)

saved = [int(path.rpartition("-")[2]) for path in manager.checkpoints]
results = {"losses": losses, "saved at step": saved}
