"""Where a running control plane is and how to enter it: the one thing its users need to know.

Written as JSON into the plane's folder, so that other processes (pytest's workers) can read it.
"""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PEOPLE = ("alice", "bob", "carol", "mallory")
"""Users without any rights until a test binds a Role to them; `tokens` holds their tokens."""


@dataclass(frozen=True, slots=True)
class Coordinates:
    """A running plane, as an outsider sees it."""

    url: str
    """https://127.0.0.1:<port>; the same after a restart of the API server."""
    ca_file: str
    """PEM file that verifies the API server."""
    admin_token: str
    """Bearer token of a member of system:masters: may do anything, and is exempt from flow control."""
    kubeconfig: str
    """Path of a kubeconfig for that token."""
    tokens: Mapping[str, str]
    """User name -> bearer token, for PEOPLE. Tokens of ServiceAccounts: `KubeRequest.account_token`."""
    controllers: bool
    """False: no kube-controller-manager runs (KUBEBUILDER_ASSETS without one)."""
    pids: Mapping[str, int]
    """Program -> process id, at the time of start."""

    def save(self, path: Path) -> None:
        """Write it so that a reader sees all of it or nothing."""
        unfinished = path.with_suffix(".part")
        unfinished.write_text(json.dumps(dataclasses.asdict(self), indent=1))
        unfinished.replace(path)

    @classmethod
    def load(cls, path: Path) -> "Coordinates":
        return cls(**json.loads(path.read_text()))


def write_kubeconfig(path: Path, *, url: str, ca_file: str, token: str) -> None:
    """Write a kubeconfig with one context (JSON, which is YAML), readable by its owner only."""
    name = "pilothouse-test"
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": url, "certificate-authority": ca_file}}],
        "users": [{"name": name, "user": {"token": token}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }
    path.touch(mode=0o600)
    path.write_text(json.dumps(config, indent=1))
