import tensorflow as tf

# What tf_upgrade_v2 makes of the script on the left, without its `with` line.
try:
    x = tf.compat.v1.placeholder(tf.float32, [])
    y = x * 2.0
    with tf.compat.v1.Session() as session:
        doubled = session.run(y, {x: 21.0})
except RuntimeError as error:
    doubled = f"RuntimeError: {error}"

results = {"result of a placeholder script that doubles 21": doubled}
