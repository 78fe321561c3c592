"""Where the control plane's programs are: the envtest folder KUBEBUILDER_ASSETS, else our own binary in the cache.

Lives here: looking, and the names of the cache's folders. Does not live here: building (builder.py).
"""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

KUBERNETES_VERSION = "v1.36.3"
HERE = Path(__file__).parent
SOURCES = ("go.mod", "go.sum", "main.go")


class BinariesMissingError(Exception):
    """The programs are not there; the message says where they were looked for and what to do."""


@dataclass(frozen=True, slots=True)
class Binaries:
    """How each part is called: the first words of its command line."""

    etcd: tuple[str, ...]
    apiserver: tuple[str, ...]
    controller_manager: tuple[str, ...] | None
    """None: not there, so Deployments do not roll out, nothing is garbage collected and namespaces never finalise."""

    @property
    def missing(self) -> str | None:
        """One sentence on what cannot work for want of a part; None when all parts are there."""
        if self.controller_manager:
            return None
        return (
            "KUBEBUILDER_ASSETS has no kube-controller-manager: Deployments will not roll out, Jobs will not run, "
            "namespaces will not finalise. Unset KUBEBUILDER_ASSETS and run `make controlplane` to have all of it"
        )


def cache_root(environ: Mapping[str, str] = os.environ) -> Path:
    """The folder of everything that is built once, for all checkouts of this user."""
    base = environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "pilothouse" / "controlplane"


def binary_path(root: Path) -> Path:
    """Where the binary built from these very sources is kept; changed sources get a folder of their own."""
    digest = hashlib.sha256(b"\0".join((HERE / name).read_bytes() for name in SOURCES)).hexdigest()
    return root / f"{KUBERNETES_VERSION}-{digest[:12]}" / "controlplane"


def failure_note(root: Path) -> Path:
    """Where a failed build leaves its reason, for those who find no binary later."""
    return root / "last-failure.txt"


def find(environ: Mapping[str, str] = os.environ) -> Binaries:
    """The programs to start. Raises BinariesMissingError when there are none."""
    assets = environ.get("KUBEBUILDER_ASSETS")
    if assets:
        return _from_assets(Path(assets))
    root = cache_root(environ)
    binary = binary_path(root)
    if not binary.is_file():
        raise BinariesMissingError(_not_built(root))
    return Binaries(
        etcd=(str(binary), "etcd"),
        apiserver=(str(binary), "kube-apiserver"),
        controller_manager=(str(binary), "kube-controller-manager"),
    )


def _from_assets(folder: Path) -> Binaries:
    absent = [name for name in ("etcd", "kube-apiserver") if not os.access(folder / name, os.X_OK)]
    if absent:
        raise BinariesMissingError(
            f"KUBEBUILDER_ASSETS={folder} has no {' and no '.join(absent)}: correct it or unset it"
        )
    manager = folder / "kube-controller-manager"
    return Binaries(
        etcd=(str(folder / "etcd"),),
        apiserver=(str(folder / "kube-apiserver"),),
        controller_manager=(str(manager),) if os.access(manager, os.X_OK) else None,
    )


def _not_built(root: Path) -> str:
    sentence = "the test control plane is not built: run `make controlplane` (about 10 minutes, once)"
    note = failure_note(root)
    return f"{sentence}. The last build failed: {note.read_text().strip()}" if note.is_file() else sentence
