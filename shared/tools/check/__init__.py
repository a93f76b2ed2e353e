"""Check a port against the program that it replaces: match, compare, explain."""
