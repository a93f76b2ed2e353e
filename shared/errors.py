"""The errors that a user can cause; every command prints one as a single line and exits with 2."""


class SuiteError(Exception):
    """Something the user gave cannot be used; the message names it, what was expected and found."""


class DataError(SuiteError):
    """A data set is missing, damaged or not of the expected form."""


class CheckpointError(SuiteError):
    """A checkpoint is missing, damaged or does not fit the model."""


class TrainingError(SuiteError):
    """Training cannot go on: a loss or a variable is not a finite number."""


class TraceError(SuiteError):
    """A trace is missing, damaged or cannot be compared."""


class UsageError(SuiteError):
    """A flag or an argument has a value that cannot be used."""
