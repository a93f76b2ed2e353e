from .names import tf
