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
