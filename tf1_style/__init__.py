"""The pairs as TensorFlow 1 code: graph, placeholders, Session and Saver."""

import shared.tensorflow_loading  # noqa: F401  before TensorFlow is imported
