import tensorflow as T
loss = T.reduce_mean(T.square(3.0))
