"""What a command of `tfk8s` cannot do."""


class CommandError(Exception):
    """Ends a command with exit code 1. Its text says what, where and what to do, and goes to the user as it is."""
