"""What became of each TensorFlow 1 symbol: the index behind `pairs lookup` and the guide."""
