import tensorflow as tf
def helper(backend):
    return backend.zeros([1])
helper(tf)
