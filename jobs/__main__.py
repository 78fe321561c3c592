"""`python -m jobs`: run one worker until it is told to stop. What it does is jobs/worker.py's matter."""

import sys

import uvloop

from jobs.logs import configure
from jobs.settings import Settings, SettingsError, read
from jobs.wiring import build
from jobs.worker import run_worker


def main() -> None:
    """Exit code 0 after SIGTERM; wrong settings: a sentence on standard error and 1."""
    try:
        settings = read(Settings)
        configure(settings.log_level)
        uvloop.run(run_worker(settings, build))
    except SettingsError as error:
        sys.exit(f"pilothouse worker: {error}")


if __name__ == "__main__":
    main()
