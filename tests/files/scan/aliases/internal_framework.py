from tensorflow.python.framework import ops, dtypes
t = ops.convert_to_tensor(1.0, dtype=dtypes.float32)
