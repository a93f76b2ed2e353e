from tensorflow import *
import math
a = placeholder(float32, [None])
b = reduce_sum(a)
c = math.sqrt(len([1]))
d = not_a_name_of_tensorflow(a)
