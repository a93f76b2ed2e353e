"""The command `pairs` and what it is made of; nothing here is imported by the style files."""
