from tensorflow.keras import layers
from tensorflow.keras.models import Sequential
model = Sequential([layers.Dense(3)])
