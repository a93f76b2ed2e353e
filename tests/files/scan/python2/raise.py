from tensorflow.contrib import learn
if 1 <> 2:
    raise ValueError, "no"
est = learn.LinearClassifier(feature_columns=[])
