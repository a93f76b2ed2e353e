"""A single weight that starts at 0, trained with given gradients: what shows an update rule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def train_in_session(
    make_optimizer: Callable[[Any], Any], gradients: Sequence[float]
) -> dict[str, float]:
    """Trains in TF1 style, one step per gradient.

    Args:
        make_optimizer: makes the optimizer, given the `tensorflow.compat.v1` module.
        gradients: the gradient of each step, float32.

    Returns:
        Every variable by name: "weight", and the optimizer's slots and powers.
    """
    import tensorflow.compat.v1 as tf

    with tf.Graph().as_default(), tf.Session() as session:
        weight = tf.get_variable("weight", initializer=0.0, use_resource=True)
        gradient = tf.placeholder(tf.float32, [])
        # The derivative of weight * gradient by the weight is the gradient, exactly.
        update = make_optimizer(tf).minimize(weight * gradient)
        session.run(tf.global_variables_initializer())
        for value in gradients:
            session.run(update, {gradient: value})
        return {
            variable.op.name: float(session.run(variable)) for variable in tf.global_variables()
        }


def train_with_keras(optimizer: Any, gradients: Sequence[float], weight: Any = None) -> float:
    """Trains in TF2 style, one step per gradient, and returns the weight.

    Args:
        optimizer: a Keras optimizer.
        gradients: the gradient of each step, float32.
        weight: the variable to train, if the optimizer was built for one; it starts at 0.
    """
    import tensorflow as tf

    variable = tf.Variable(0.0) if weight is None else weight
    optimizer.build([variable])

    @tf.function
    def train(gradients: tf.Tensor) -> None:
        for gradient in gradients:
            optimizer.apply_gradients([(gradient, variable)])

    train(tf.constant(gradients))
    return float(variable)
