"""The fault suite: `make torture` breaks saves and files in every way and counts what comes back.

Every case must end in the last or the last-but-one save restored bit for bit, or in a clear error.
What TensorFlow writes and reads is real; only the faults are made.
"""
