"""The command line of each part of the control plane: flags only, and why they are set."""

import sys
from dataclasses import dataclass
from pathlib import Path

from tests.controlplane.binaries import Binaries

ISSUER = "https://kubernetes.default.svc.cluster.local"
"""Also the only audience: a token for audience `pilothouse` is worthless here, yet TokenReview knows it."""


@dataclass(frozen=True, slots=True)
class Files:
    """The plane's folder: who writes what is said in plane.py."""

    root: Path

    @property
    def ca(self) -> Path:
        return self.root / "certs" / "apiserver.crt"

    @property
    def account_key(self) -> Path:
        return self.root / "service-accounts.key"

    @property
    def token_table(self) -> Path:
        return self.root / "tokens.csv"

    @property
    def kubeconfig(self) -> Path:
        return self.root / "kubeconfig"

    @property
    def manager_kubeconfig(self) -> Path:
        return self.root / "controller-manager.kubeconfig"

    @property
    def kubelet_kubeconfig(self) -> Path:
        return self.root / "kubelet.kubeconfig"

    @property
    def coordinates(self) -> Path:
        return self.root / "plane.json"

    def log(self, name: str) -> Path:
        return self.root / f"{name}.log"


def etcd(binaries: Binaries, files: Files, *, name: str, client_url: str, peer_url: str) -> list[str]:
    return [
        *binaries.etcd,
        f"--name={name}",
        f"--data-dir={files.root / 'etcd'}",
        f"--listen-client-urls={client_url}",
        f"--advertise-client-urls={client_url}",
        f"--listen-peer-urls={peer_url}",
        f"--initial-advertise-peer-urls={peer_url}",
        f"--initial-cluster={name}={peer_url}",
        "--unsafe-no-fsync",  # it need not outlive a power cut
        "--log-level=error",
    ]


def apiserver(binaries: Binaries, files: Files, *, etcd_url: str, port: int) -> list[str]:
    return [
        *binaries.apiserver,
        f"--etcd-servers={etcd_url}",
        f"--cert-dir={files.root / 'certs'}",
        f"--secure-port={port}",
        "--bind-address=127.0.0.1",
        # Else it looks for an address of this machine, and a machine without a default route has none.
        "--advertise-address=127.0.0.1",
        "--endpoint-reconciler-type=none",
        f"--service-account-key-file={files.account_key}",
        f"--service-account-signing-key-file={files.account_key}",
        f"--service-account-issuer={ISSUER}",
        f"--api-audiences={ISSUER}",
        f"--token-auth-file={files.token_table}",
        "--authorization-mode=RBAC",
        "--service-cluster-ip-range=10.96.0.0/16",
        # ServiceAccount would hold each Pod back until its namespace's account is there; the taints of a new Node
        # are taken off by the node lifecycle controller, which does not run.
        "--disable-admission-plugins=ServiceAccount,TaintNodesByCondition",
        "--allow-privileged=true",
        "--event-ttl=10m",
        "--profiling=false",
    ]


def controller_manager(command: tuple[str, ...], files: Files) -> list[str]:
    many = ("deployment", "replicaset", "statefulset", "job", "daemonset", "namespace", "gc", "endpoint")
    return [
        *command,
        f"--kubeconfig={files.manager_kubeconfig}",
        f"--service-account-private-key-file={files.account_key}",
        f"--root-ca-file={files.ca}",
        # No kubelet renews the Node's lease; and nothing here allocates, bootstraps or warns.
        "--controllers=*,-node-lifecycle-controller,-taint-eviction-controller,-ttl-controller,-selinux-warning-controller",
        "--leader-elect=false",
        "--secure-port=0",
        # 100 Deployments are available after 5 s instead of 28 s.
        "--kube-api-qps=1000",
        "--kube-api-burst=2000",
        *(f"--concurrent-{kind}-syncs=20" for kind in many),
    ]


def kubelet(files: Files) -> list[str]:
    return [sys.executable, "-m", "tests.controlplane", "kubelet", str(files.kubelet_kubeconfig)]
