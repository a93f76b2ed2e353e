"""The pairs as native TensorFlow 2: tf.function, GradientTape and tf.train.Checkpoint."""

import shared.tensorflow_loading  # noqa: F401  before TensorFlow is imported
