from unittest import mock

import tensorflow as tf

model = tf.keras.Sequential(
    [tf.keras.Input([1]), tf.keras.layers.Rescaling(2.0)]
)


@tf.function(input_signature=[tf.TensorSpec([None, 1])])
def predict(inputs):
    return model(inputs, training=False)


start = tf.data.Dataset.__iter__
counting = {"autospec": True, "side_effect": start}
with mock.patch.object(tf.data.Dataset, "__iter__", **counting) as pipelines:
    for number in (1.0, 2.0, 3.0):
        doubled = predict(tf.constant([[number]]))

results = {
    "input pipelines started for 3 predictions": pipelines.call_count,
    "last prediction for 1, 2, 3": doubled[0, 0],
}
