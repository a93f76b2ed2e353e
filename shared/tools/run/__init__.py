"""What `pairs run` shows and leaves behind."""
