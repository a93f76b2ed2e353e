import tensorflow.compat.v1 as tf

config = tf.ConfigProto(
    intra_op_parallelism_threads=1,
    inter_op_parallelism_threads=1,
    allow_soft_placement=True,
)
config.gpu_options.allow_growth = True

with tf.Graph().as_default():
    with tf.device("/cpu:0"):
        product = tf.matmul([[1.0, 2.0]], [[3.0], [4.0]])
    with tf.Session(config=config) as session:
        value = session.run(product)

threads = config.intra_op_parallelism_threads
results = {"product": value, "device": product.device, "threads": threads}
