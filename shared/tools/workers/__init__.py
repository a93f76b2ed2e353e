"""Runs a style file as several processes on this computer, and ends them all together."""
