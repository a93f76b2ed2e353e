"""Functions whose rewrite by `tf_upgrade_v2` gives other numbers, which the script calls INFO.

A test runs the old and the rewritten call of each on the same input and compares.
"""

_CENTRES = "samples at the centres of pixels, where TensorFlow 1 sampled at their corners"
RESIZING = {
    "tf.image.resize_bilinear": _CENTRES,
    "tf.image.resize_bicubic": f"{_CENTRES}, and with another cubic kernel",
    "tf.image.resize_nearest_neighbor": _CENTRES,
    "tf.image.resize_images": _CENTRES,
    "tf.image.resize": _CENTRES,  # which the script leaves as it is
}
