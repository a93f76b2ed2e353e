"""What changes numbers or behaviour between TF1 style and TF2 style, each thing measured.

A pitfall is a folder of `catalogue`: a text, and the same few lines in TensorFlow 1, ported naively
and ported well. `pitfall.pitfalls` reads them, `measuring` runs them. The TensorFlow 1 file also
runs under TensorFlow 1.15 on Python 3.7, and so does `run_files`; nothing else here need.
"""
