import tensorflow as tf

ran = []


@tf.function
def step(rate):
    return rate * 2.0


for rate in (0.1, 0.01, 0.001):
    step(tf.constant(rate))  # a tensor: one graph serves every value
    ran.append(rate)  # what Python does each step stays outside

graphs = step.experimental_get_tracing_count()
results = {
    "times a line of Python ran in 3 steps": len(ran),
    "different graphs run for 3 learning rates": graphs,
}
