"""The pairs as native TensorFlow 2: tf.function, GradientTape and tf.train.Checkpoint."""

import shared.quiet  # noqa: F401  before TensorFlow is imported
