import tensorflow.compat.v1 as tf

with tf.Graph().as_default() as graph, tf.Session() as session:
    x = tf.placeholder(tf.float32, [None, 1])
    y = 2.0 * x
    pipelines = 0
    for number in (1.0, 2.0, 3.0):
        doubled = session.run(y, {x: [[number]]})
    for operation in graph.get_operations():
        pipelines += "Iterator" in operation.type

results = {
    "input pipelines started for 3 predictions": pipelines,
    "last prediction for 1, 2, 3": doubled[0, 0],
}
