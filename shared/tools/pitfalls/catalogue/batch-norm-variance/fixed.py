import tensorflow as tf


def batch_normalization(images, scale, offset, mean, variance, momentum):
    normalized, batch_mean, batch_variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=images,  # the kernel of TF1's layer
        scale=scale,
        offset=offset,
        mean=mean,
        variance=variance,
        epsilon=0.001,
        exponential_avg_factor=1.0,
        is_training=True,
    )
    mean.assign_sub((1 - momentum) * (mean - batch_mean))
    variance.assign_sub((1 - momentum) * (variance - batch_variance))
    return normalized


mean, variance = tf.Variable([0.0]), tf.Variable([1.0])
images = tf.reshape([1.0, 2.0, 3.0, 4.0], [4, 1, 1, 1])
batch_normalization(
    images, tf.ones([1]), tf.zeros([1]), mean, variance, momentum=0.0
)

results = {
    "moving variance after a batch of 1 2 3 4, momentum 0": variance[0]
}
