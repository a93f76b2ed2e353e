import tensorflow as tf

left, right = tf.constant([1.0, 2.0]), tf.constant([1.0, 3.0])
is_same_tensor = left is right
names = {left.ref(): "found"}

results = {
    "tensor of 1 2 == tensor of 1 3": str(is_same_tensor),
    "tensor as the key of a dictionary": names[left.ref()],
}
