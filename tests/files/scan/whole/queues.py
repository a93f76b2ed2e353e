import tensorflow as tf
queue = tf.train.string_input_producer(["a.csv"])
coordinator = tf.train.Coordinator()
threads = tf.train.start_queue_runners(coord=coordinator)
coordinator.request_stop()
