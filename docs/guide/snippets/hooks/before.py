import tempfile

import tensorflow.compat.v1 as tf

directory = tempfile.mkdtemp()


class LossRecorder(tf.train.SessionRunHook):
    def __init__(self, loss):
        self.loss, self.losses = loss, []

    def before_run(self, run_context):
        return tf.train.SessionRunArgs(self.loss)

    def after_run(self, run_context, run_values):
        self.losses.append(run_values.results)


with tf.Graph().as_default():
    weight = tf.get_variable("weight", initializer=0.0)
    loss = tf.exp(weight)
    global_step = tf.train.get_or_create_global_step()
    train_op = tf.train.GradientDescentOptimizer(0.5).minimize(loss, global_step)
    recorder = LossRecorder(loss)
    hooks = [recorder, tf.train.StopAtStepHook(last_step=4)]
    with tf.train.MonitoredTrainingSession(
        checkpoint_dir=directory,
        hooks=hooks,
        save_checkpoint_steps=2,
        save_summaries_steps=None,
    ) as session:
        while not session.should_stop():
            session.run(train_op)

state = tf.train.get_checkpoint_state(directory)
saved = [int(path.rpartition("-")[2]) for path in state.all_model_checkpoint_paths]
results = {"losses": recorder.losses, "saved at step": saved}
