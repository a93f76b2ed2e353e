import numpy as np
import tensorflow as tf

inputs = np.array([1.0, 2.0, 3.0, 4.0], np.float32)
targets = 2 * inputs

# Two devices of one processor, to be tried anywhere; with GPUs, leave these lines out.
(cpu,) = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(
    cpu, [tf.config.LogicalDeviceConfiguration()] * 2
)
strategy = tf.distribute.MirroredStrategy(["/cpu:0", "/cpu:1"])

dataset = tf.data.Dataset.from_tensor_slices((inputs, targets)).batch(4).repeat(3)
with strategy.scope():
    weight = tf.Variable(0.5, name="weight")
    optimizer = tf.keras.optimizers.SGD(0.03125)
    optimizer.build([weight])


def train_step(x, y):
    with tf.GradientTape() as tape:
        losses = tf.square(weight * x - y)
        # Gradients are summed over the replicas: divide by the whole batch.
        loss = tf.nn.compute_average_loss(losses, global_batch_size=4)
    optimizer.apply_gradients(zip(tape.gradient(loss, [weight]), [weight]))


@tf.function
def distributed_step(x, y):
    strategy.run(train_step, args=(x, y))


weights = []
for x, y in strategy.experimental_distribute_dataset(dataset):
    distributed_step(x, y)
    weights.append(weight.numpy())

results = {"weights": weights, "replicas": strategy.num_replicas_in_sync}
