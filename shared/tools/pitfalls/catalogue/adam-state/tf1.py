import math

import tensorflow.compat.v1 as tf

with tf.Graph().as_default(), tf.Session() as session:
    weight = tf.get_variable("weight", initializer=0.0, use_resource=True)
    update = tf.train.AdamOptimizer(0.001).minimize(weight * 0.5)
    variables = {
        variable.op.name: variable for variable in tf.global_variables()
    }
    session.run(tf.global_variables_initializer())
    for _ in range(1000):
        session.run(update)
    before, power = session.run([weight, variables["beta1_power"]])
    session.run(update)
    after = session.run(weight)

# 0.9**1001 would be 1.6e-46: below what float32 can hold.
steps = math.log(power) / math.log(0.9) - 1 if power > 0 else math.inf
results = {
    "steps taken, read after 1,000 steps": steps,
    "update of step 1,001, from the state of 1,000": float(after)
    - float(before),
}
