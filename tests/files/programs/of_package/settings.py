"""What train.py takes from beside it, by a relative import."""

RATE = 0.25
