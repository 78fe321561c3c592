"""`python -m tests.fuzz [SECONDS]`: atheris on the parsers that strangers' bytes reach, 10 minutes by default.

https://github.com/google/atheris. A crash's input is written into the folder that is named at the end.
"""

import sys
import tempfile
from pathlib import Path

import atheris  # type: ignore[import-not-found]

with atheris.instrument_imports(include=["receiver", "jobs.core"]):
    from tests.fuzz.targets import seeds, target

SECONDS = 600
MAX_BYTES = 16_384
MEMORY_MB = 1024


def main() -> None:
    """Ends with libFuzzer's exit code: 0 nothing was found."""
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    folder = Path(tempfile.mkdtemp(prefix="pilothouse-fuzz-"))
    corpus = folder / "corpus"
    corpus.mkdir()
    for number, seed in enumerate(seeds()):
        (corpus / f"seed-{number}").write_bytes(seed)
    sys.stderr.write(f"fuzzing for {seconds} s in {folder}\n")
    limits = [f"-max_total_time={seconds}", f"-max_len={MAX_BYTES}", f"-rss_limit_mb={MEMORY_MB}", "-timeout=10"]
    atheris.Setup([sys.argv[0], *limits, f"-artifact_prefix={folder}/", "-print_final_stats=1", str(corpus)], target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
