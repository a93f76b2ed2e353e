"""Scans a code base for TensorFlow 1: what it uses, what each use needs, in which order to move.

Nothing of the scanned code is imported or executed.
"""
