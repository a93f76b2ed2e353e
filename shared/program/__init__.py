"""The program around a model of either style: flags, progress, signals, traces. No TensorFlow."""
