import tensorflow as tf

left, right = tf.constant([1.0, 2.0]), tf.constant([1.0, 3.0])
try:
    found = {left: "found"}[left]
except TypeError as error:
    found = f"TypeError: {error}"

results = {
    "tensor of 1 2 == tensor of 1 3": str((left == right).numpy().tolist()),
    "tensor as the key of a dictionary": found,
}
