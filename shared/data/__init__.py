"""The data files that come with the suite, and the scripts that made them."""
