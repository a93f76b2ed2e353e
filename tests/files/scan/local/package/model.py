from . import tf
from .names import tf as again
a = tf.tile([1], [2])
b = again.stack([a, a])
