"""What the commands tell the person in front of the screen: one line each, shown at once."""

import sys


def say(line: str) -> None:
    """Print one line, flushed, so that it is seen through a pipe too."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
