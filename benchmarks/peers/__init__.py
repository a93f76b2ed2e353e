"""What else a user could write the models in: NumPy by hand, JAX, PyTorch.

Each starts from the pair's own initial values and trains on the same batches with the same rule,
so that a test can hold its variables to the pair's. None imports TensorFlow.
"""
