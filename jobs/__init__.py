"""The worker: brings clusters to what Git says. `jobs/deploy.py` is the page to read first."""
