"""The decisions of Pilothouse: pure functions and frozen data. No awaiting, clock, files, environment or logging."""
