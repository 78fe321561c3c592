"""One control plane: etcd, kube-apiserver, kube-controller-manager and the fake kubelet, started and ended together.

`start()` and `stop()` block (about 7 s and 0.2 s): from a coroutine use `asyncio.to_thread`. All processes die with
the one that started them, however it ends. Sharing one plane among pytest's processes is shared.py's work.
"""

import csv
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.controlplane import binaries, commands
from tests.controlplane.coordinates import PEOPLE, Coordinates, write_kubeconfig
from tests.controlplane.probe import Probe, etcd_member_names
from tests.controlplane.processes import Child, free_port

READY_TIMEOUT_S = 90.0
POLL_INTERVAL_S = 0.05
PORT_ATTEMPTS = 8
MASTERS = "system:masters"
ROOT = Path(__file__).parents[2]


class PlaneError(Exception):
    """A part did not start; the message holds its name and the end of its log."""


class _PortTakenError(Exception):
    """Somebody else got the port first: try another."""


class ControlPlane:
    """A control plane of one's own, in a folder of its own. May be used as a context manager."""

    def __init__(self, folder: Path | None = None) -> None:
        """`folder` is kept after `stop()` (without etcd's data); without it a temporary one is used and removed."""
        self._temporary = folder is None
        self._files = commands.Files(folder.resolve() if folder else Path(tempfile.mkdtemp(prefix="pilothouse-plane-")))
        self._children: dict[str, Child] = {}
        self._tokens = {name: secrets.token_hex(16) for name in ("admin", "controller-manager", "kubelet", *PEOPLE)}
        self._etcd_url = ""
        self._port = 0
        self._programs = binaries.find()

    def __enter__(self) -> "ControlPlane":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self._port}"

    @property
    def ca_file(self) -> str:
        return str(self._files.ca)

    @property
    def admin_token(self) -> str:
        return self._tokens["admin"]

    @property
    def kubeconfig(self) -> str:
        return str(self._files.kubeconfig)

    def token_user(self, name: str) -> str:
        """The token of one of coordinates.PEOPLE, who has no rights until a Role is bound to the user of that name."""
        return self._tokens[name]

    @property
    def coordinates(self) -> Coordinates:
        return Coordinates(
            url=self.url,
            ca_file=self.ca_file,
            admin_token=self.admin_token,
            kubeconfig=self.kubeconfig,
            tokens={name: self._tokens[name] for name in PEOPLE},
            controllers=self._programs.controller_manager is not None,
            pids={name: child.pid for name, child in self._children.items()},
        )

    def start(self) -> None:
        """Start everything; returns when Deployments roll out. Raises PlaneError, with nothing left running."""
        try:
            self._files.root.mkdir(parents=True, exist_ok=True)
            self._write_secrets()
            self._on_free_port(self._start_etcd)
            self._on_free_port(self._first_start_apiserver)
            self._start_the_rest()
            self.coordinates.save(self._files.coordinates)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End all processes at once and remove what they wrote. May be called again."""
        self._files.coordinates.unlink(missing_ok=True)
        for name in ("kubelet", "kube-controller-manager", "kube-apiserver", "etcd"):
            self._kill(name)
        shutil.rmtree(self._files.root if self._temporary else self._files.root / "etcd", ignore_errors=True)

    def stop_apiserver(self) -> None:
        """Kill the API server alone, as a crash would: connections break, its port refuses, etcd keeps the objects."""
        self._kill("kube-apiserver")

    def start_apiserver(self) -> None:
        """Start the killed API server again, on the same port; returns when it is ready."""
        try:
            self._start_apiserver()
        except _PortTakenError as error:
            raise PlaneError(f"port {self._port} of the stopped kube-apiserver was taken by another process") from error

    def _write_secrets(self) -> None:
        self._files.account_key.write_bytes(_new_account_key())
        with self._files.token_table.open("w", newline="") as file:
            table = csv.writer(file)  # token, user, uid, groups
            table.writerow([self._tokens["admin"], "admin", "admin", MASTERS])
            table.writerow([self._tokens["controller-manager"], "system:kube-controller-manager", "manager", MASTERS])
            table.writerow([self._tokens["kubelet"], "test:kubelet", "kubelet", MASTERS])
            table.writerows([self._tokens[name], name, name] for name in PEOPLE)

    def _on_free_port(self, start: Callable[[], None]) -> None:
        """A free port may be taken before it is bound: then again, with another one."""
        for _ in range(PORT_ATTEMPTS):
            try:
                return start()
            except _PortTakenError:
                continue
        raise PlaneError(f"{PORT_ATTEMPTS} ports in a row were taken by others before they could be bound")

    def _start_etcd(self) -> None:
        shutil.rmtree(self._files.root / "etcd", ignore_errors=True)
        name = f"plane-{secrets.token_hex(8)}"
        client_url, peer_url = f"http://127.0.0.1:{free_port()}", f"http://127.0.0.1:{free_port()}"
        command = commands.etcd(self._programs, self._files, name=name, client_url=client_url, peer_url=peer_url)
        self._spawn("etcd", command)
        self._wait_for("etcd", lambda: name in etcd_member_names(client_url))
        self._etcd_url = client_url

    def _first_start_apiserver(self) -> None:
        self._port = free_port()
        self._start_apiserver()

    def _start_apiserver(self) -> None:
        self._spawn(
            "kube-apiserver",
            commands.apiserver(self._programs, self._files, etcd_url=self._etcd_url, port=self._port),
        )
        probe = self._probe()
        self._wait_for("kube-apiserver", lambda: probe.get("/readyz") == "ok")

    def _start_the_rest(self) -> None:
        for path, user in (
            (self._files.kubeconfig, "admin"),
            (self._files.manager_kubeconfig, "controller-manager"),
            (self._files.kubelet_kubeconfig, "kubelet"),
        ):
            write_kubeconfig(path, url=self.url, ca_file=self.ca_file, token=self._tokens[user])
        self._spawn("kubelet", commands.kubelet(self._files))
        probe = self._probe()
        if self._programs.controller_manager:
            command = commands.controller_manager(self._programs.controller_manager, self._files)
            self._spawn("kube-controller-manager", command)
            account = "/api/v1/namespaces/default/serviceaccounts/default"
            self._wait_for("kube-controller-manager", lambda: probe.get(account) is not None)
        self._wait_for("kubelet", lambda: bool((probe.get("/api/v1/nodes") or {}).get("items")))

    def _probe(self) -> Probe:
        return Probe(self.url, self._files.ca, self.admin_token)

    def _spawn(self, name: str, command: list[str]) -> None:
        log = self._files.log(name)
        log.unlink(missing_ok=True)  # what an earlier attempt wrote is not about this one
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self._children[name] = Child.start(name, command, log, environment)

    def _kill(self, name: str) -> None:
        if child := self._children.pop(name, None):
            child.kill()

    def _wait_for(self, name: str, ready: Callable[[], bool]) -> None:
        """Until `ready`. Raises _PortTakenError or PlaneError when the program ends or never gets ready."""
        child = self._children[name]
        deadline = time.monotonic() + READY_TIMEOUT_S
        while not (child.alive() and ready()):
            if not child.alive() and child.port_was_taken():
                raise _PortTakenError
            if not child.alive():
                raise PlaneError(f"{name} ended while starting:\n  {child.last_words()}")
            if time.monotonic() > deadline:
                raise PlaneError(f"{name} was not ready after {READY_TIMEOUT_S:.0f} s:\n  {child.last_words()}")
            time.sleep(POLL_INTERVAL_S)


def _new_account_key() -> bytes:
    """A private key in PEM that signs ServiceAccount tokens."""
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
