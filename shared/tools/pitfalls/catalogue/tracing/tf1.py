import tensorflow.compat.v1 as tf

ran, graphs = [], set()
with tf.Graph().as_default() as graph, tf.Session() as session:
    rate = tf.placeholder(tf.float32, [])
    step = rate * 2.0
    for value in (0.1, 0.01, 0.001):
        session.run(step, {rate: value})
        ran.append(value)  # beside the Session: plain Python
        graphs.add(graph.version)  # rises with every operation that is added

results = {
    "times a line of Python ran in 3 steps": len(ran),
    "different graphs run for 3 learning rates": len(graphs),
}
