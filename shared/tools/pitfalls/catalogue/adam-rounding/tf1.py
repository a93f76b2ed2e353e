import numpy as np
import tensorflow.compat.v1 as tf

with tf.Graph().as_default(), tf.Session() as session:
    weight = tf.get_variable("weight", initializer=0.0, use_resource=True)
    gradient = tf.placeholder(tf.float32, [])
    update = tf.train.AdamOptimizer(0.001).minimize(weight * gradient)
    variables = {
        variable.op.name: variable for variable in tf.global_variables()
    }
    session.run(tf.global_variables_initializer())
    seen = []
    for step in range(1, 101):
        session.run(update, {gradient: 1.0 / step})
        seen.append(session.run(variables))

results = {
    "v after 1 step, gradient 1": seen[0]["weight/Adam_1"],
    # Step 3 uses what 2 steps left.
    "1 - beta2**t at step 3": np.float32(1) - seen[1]["beta2_power"],
    "weight after 1 step, gradient 1": seen[0]["weight"],
    "weight after 100 steps, gradients 1, 1/2, 1/3, ...": seen[99]["weight"],
}
