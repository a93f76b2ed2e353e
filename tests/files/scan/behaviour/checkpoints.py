import tensorflow as tf
reader = tf.train.NewCheckpointReader("model")
saver = tf.train.import_meta_graph("model.meta")
with tf.gfile.GFile("frozen.pb", "rb") as f:
    graph_def = tf.GraphDef()
    graph_def.ParseFromString(f.read())
tf.import_graph_def(graph_def)
model = tf.keras.models.load_model("m.h5")
