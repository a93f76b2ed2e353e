import tensorflow as tf

# Before the first operation: afterwards, threads and growth raise RuntimeError.
tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.threading.set_inter_op_parallelism_threads(1)
tf.config.set_soft_device_placement(True)
for gpu in tf.config.list_physical_devices("GPU"):
    tf.config.experimental.set_memory_growth(gpu, True)

with tf.device("/cpu:0"):
    product = tf.matmul([[1.0, 2.0]], [[3.0], [4.0]])

threads = tf.config.threading.get_intra_op_parallelism_threads()
results = {"product": product, "device": product.device, "threads": threads}
