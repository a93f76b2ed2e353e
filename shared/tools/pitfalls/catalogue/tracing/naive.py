import tensorflow as tf

ran = []


@tf.function
def step(rate):
    ran.append("while tracing")
    return rate * 2.0


@tf.function
def step_of_number(rate):
    return tf.constant(2.0) * rate


for rate in (0.1, 0.01, 0.001):
    step(tf.constant(rate))
    step_of_number(rate)

graphs = step_of_number.experimental_get_tracing_count()
results = {
    "times a line of Python ran in 3 steps": len(ran),
    "different graphs run for 3 learning rates": graphs,
}
