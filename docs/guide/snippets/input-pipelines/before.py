import numpy as np
import tensorflow.compat.v1 as tf

numbers = np.array([1.0, 2.0, 3.0, 4.0, 5.0], np.float32)

with tf.Graph().as_default():
    (number,) = tf.train.slice_input_producer([numbers], num_epochs=1, shuffle=False)
    batch = tf.train.batch([number * 10], batch_size=2, allow_smaller_final_batch=True)
    with tf.Session() as session:
        session.run(
            [tf.global_variables_initializer(), tf.local_variables_initializer()]
        )
        coordinator = tf.train.Coordinator()
        # Left out, the first run waits for ever.
        threads = tf.train.start_queue_runners(session, coordinator)
        batches = []
        try:
            while not coordinator.should_stop():
                batches.append(session.run(batch).tolist())
        except tf.errors.OutOfRangeError:
            pass
        finally:
            coordinator.request_stop()
            coordinator.join(threads)

results = {"batches": [sum(batch) for batch in batches], "last batch": batches[-1]}
