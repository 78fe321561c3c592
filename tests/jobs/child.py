"""Called inside a renderer process by tests; kept apart so that it imports no more than a renderer would."""

import sys


def imported() -> list[str]:
    """The modules of the process."""
    return sorted(sys.modules)
