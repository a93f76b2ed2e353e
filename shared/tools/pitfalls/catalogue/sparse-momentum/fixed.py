import tensorflow as tf


def apply_momentum(table, accumulator, gradient, rate, momentum):
    rows, indices = tf.unique(gradient.indices)
    tf.raw_ops.ResourceSparseApplyMomentum(  # the kernel that TF1 runs
        var=table.handle,
        accum=accumulator.handle,
        lr=rate,
        grad=tf.math.unsorted_segment_sum(
            gradient.values, indices, tf.size(rows)
        ),
        indices=rows,
        momentum=momentum,
    )


table, accumulator = (
    tf.Variable(tf.ones([2, 1])),
    tf.Variable(tf.zeros([2, 1])),
)
for ids in ([0, 1], [0]):
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.nn.embedding_lookup(table, ids))
    apply_momentum(table, accumulator, tape.gradient(loss, table), 0.5, 0.5)

results = {
    "row used in both of 2 steps": table[0, 0],
    "row used in the first step only": table[1, 0],
}
