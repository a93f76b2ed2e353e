"""Every model under every runtime, compared with the Session: what `pairs parity` does.

`recording` and `child` also run on Python 3.7 under real TensorFlow 1.15.
"""
