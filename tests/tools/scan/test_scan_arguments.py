"""The kind of a call whose arguments TensorFlow 2 has, of a function that has others there."""

from __future__ import annotations

import pytest

from shared.tools.lookup.same_calls import same_calls
from shared.tools.scan.project import scan_text


def kinds(code: str) -> list[str]:
    return [use.kind for use in scan_text(f"import tensorflow as tf\n{code}\n").of("use")]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("tf.reduce_mean(x)", "unchanged"),
        ("tf.reduce_mean(x, 1, True, 'mean')", "unchanged"),
        ("tf.math.reduce_mean(x, axis=1)", "unchanged"),
        ("tf.reduce_mean(x, 1, True, 'mean', 1)", "behaviour changes"),  # no fifth any more
        ("tf.reduce_mean(x, reduction_indices=[1])", "behaviour changes"),
        ("tf.reduce_mean(x, keep_dims=True)", "behaviour changes"),
        ("tf.reduce_mean(*given)", "behaviour changes"),
        ("tf.reduce_mean(x, **given)", "behaviour changes"),
        ("f = tf.reduce_mean", "behaviour changes"),  # called elsewhere, with what the text hides
        ("tf.transpose(x, [1, 0])", "unchanged"),
        ("tf.transpose(x, [1, 0], 'name')", "behaviour changes"),  # now `conjugate`
        ("tf.nn.conv2d(x, w, [1, 1, 1, 1], 'SAME')", "unchanged"),  # `filter` became `filters`
        ("tf.nn.conv2d(x, filter=w, strides=1, padding='SAME')", "behaviour changes"),
        ("tf.constant(1.0)", "unchanged"),
        ("tf.constant([1, 2], shape=[4])", "behaviour changes"),  # was filled up with the last
        (
            "tf.nn.sparse_softmax_cross_entropy_with_logits(labels=a, logits=b)",
            "unchanged",
        ),
        ("tf.nn.sparse_softmax_cross_entropy_with_logits(None, a, b)", "numbers change"),
    ],
)
def test_arguments_decide_the_kind(code: str, expected: str) -> None:
    assert kinds(code) == [expected]


def test_each_call_has_its_own_arguments() -> None:
    code = "tf.reduce_sum(tf.reduce_mean(x, keep_dims=True))"
    assert kinds(code) == ["unchanged", "behaviour changes"]
    # `mean` is the method of an object that nobody knows, and no use.
    assert kinds("tf.reduce_mean(x, keep_dims=True).mean(y)") == ["behaviour changes"]


def test_a_call_that_is_the_same_takes_no_time() -> None:
    uses = scan_text("import tensorflow as tf\ntf.squeeze(x, [1])\ntf.squeeze(x, squeeze_dims=[1])")
    assert [use.minutes > 0 for use in uses.of("use")] == [False, True]


@pytest.mark.parametrize("name", same_calls())
def test_each_call_that_is_held_is_found_unchanged(name: str) -> None:
    uses = scan_text(f"import tensorflow as tf\n{same_calls()[name].call}\n").of("use")
    assert {use.kind for use in uses if use.name == f"tf.{name}"} == {"unchanged"}


# All that the scan looks at, each with a use or a behaviour of its own.
EVERY_FORM = """
import numpy, tensorflow as tf
from tensorflow import gfile as files, app
layers = tf.layers if numpy.fast else tf.nn
layers.dropout(x, (0.5))
one = other = tf.zeros([2], dtype=tf.float32)
if tf.executing_eagerly():
    pick = tf.log
elif numpy.other:
    pick = tf.ceil
else:
    pick = tf.floor
pick(one)
for item in tf.trainable_variables():
    tf.assign(item, 0.0)
while tf.is_nan(one):
    tf.Print(one, [one])
with tf.Session() as session, tf.name_scope("a"):
    session.run(tf.global_variables_initializer())
try:
    files.Exists("a")
except IOError:
    tf.logging.info("none")
finally:
    app.run()
@tf.contrib.framework.add_arg_scope
def weights(shape, initial=tf.truncated_normal_initializer(stddev=0.1)):
    global count
    count = tf.Variable(0, trainable=False)
    return tf.get_variable("w", shape, initializer=initial), tf.div(one, 2)
class Model(tf.keras.Model):
    def __init__(self):
        self.rate = tf.placeholder(tf.float32)
    def call(self, inputs):
        return tf.reduce_mean(inputs, keep_dims=True) == self.rate
values = [tf.to_float(each) for each in one]
named = {"a": tf.random_uniform([2])}
getattr(tf, "random_normal")([2])
"""


def test_what_is_no_python_3_is_read_as_what_is() -> None:
    # A statement of Python 2 behind it has the whole text read by the other parser.
    python_3, python_2 = scan_text(EVERY_FORM), scan_text(EVERY_FORM + "print 1\n")
    assert len(python_3.findings) > 30
    assert python_2.findings == python_3.findings
