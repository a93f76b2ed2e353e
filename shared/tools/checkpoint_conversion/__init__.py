"""Checkpoints that cross between TensorFlow 1 and TensorFlow 2 with nothing lost.

`contents` reads what a checkpoint holds, `proposal` pairs the tensors of two, `conversion_map`
keeps the pairs in a file, `plan` decides the value of every tensor to write, `writing` writes them.
"""
