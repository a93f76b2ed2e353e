"""What the guide measures when it is built: each module prints its results as JSON."""
