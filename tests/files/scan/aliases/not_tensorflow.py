"""Talks about tensorflow, and uses none."""
import numpy as np
class tf:
    float32 = np.float32
x = np.zeros(3, tf.float32)
