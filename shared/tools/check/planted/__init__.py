"""Mistakes planted in small ports: what `pairs check` finds of each, as a table."""
