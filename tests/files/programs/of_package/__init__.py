"""A program that is started as a module: python -m of_package.train."""
