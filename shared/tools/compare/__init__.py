"""Compare two traces: equal, or where they first differ and the likely cause."""
