import tensorflow as tf
features = tf.trainable_variables("features")
tf.train.Saver(features).restore(session, "model")
tf.train.Saver(var_list={"old": v for v in features}, max_to_keep=1)
tf.train.Saver(var_list=None)
tf.train.Saver(tf.global_variables(), max_to_keep=1)
tf.train.Saver(max_to_keep=1)
