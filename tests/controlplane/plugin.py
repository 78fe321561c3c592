"""pytest's side of the test control plane: one plane per run, started by the first test that needs it.

A test marked `cluster` is skipped with the reason when the programs are not there, and the run says so at its end.
A plane that is there but will not start is an error, never a skip.
"""

import os
import re
import secrets
import ssl
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.controlplane.binaries import BinariesMissingError, find
from tests.controlplane.coordinates import Coordinates
from tests.controlplane.request import KubeRequest, open_session, trust
from tests.controlplane.shared import SharedPlane

MARKER = "cluster"
SKIP_PREFIX = "no control plane: "
_plane = pytest.StashKey[SharedPlane]()
_told = pytest.StashKey[tuple[str, int]]()
_workerinput = "pilothouse_plane"


def pytest_configure(config: pytest.Config) -> None:
    """The run's main process makes the (still empty) folder; xdist's workers are told of it."""
    told = getattr(config, "workerinput", {}).get(_workerinput)
    folder, owner_pid = told or (tempfile.mkdtemp(prefix="pilothouse-tests-"), os.getpid())
    config.stash[_plane] = SharedPlane(Path(folder), owner_pid)
    if not told:
        config.add_cleanup(config.stash[_plane].stop)
        config.stash[_told] = (folder, owner_pid)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Called by xdist in the main process, for each worker it starts."""
    node.workerinput[_workerinput] = node.config.stash[_told]


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Before any fixture of a `cluster` test: the plane is there, or the test is skipped."""
    if item.get_closest_marker(MARKER):
        _demand(item.config)


def _demand(config: pytest.Config) -> Coordinates:
    try:
        return config.stash[_plane].demand()
    except BinariesMissingError as error:
        pytest.skip(f"{SKIP_PREFIX}{error}")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> Iterator[None]:
    """The last words of the run, after pytest's own summary."""
    yield
    reasons = [str(report.longrepr[2]) for report in terminalreporter.stats.get("skipped", []) if report.longrepr]
    skipped = [reason.removeprefix("Skipped: ") for reason in reasons if SKIP_PREFIX in reason]
    if skipped:
        sentence = f"{len(skipped)} TESTS DID NOT RUN: {skipped[0]}"
    elif config.stash[_plane].found() and (missing := find().missing):
        sentence = f"THE CONTROL PLANE WAS NOT COMPLETE: {missing}"
    else:
        return
    terminalreporter.write_sep("!", "control plane", red=True, bold=True)
    terminalreporter.write_line(sentence, red=True, bold=True)


@pytest.fixture(scope="session")
def control_plane(pytestconfig: pytest.Config) -> Coordinates:
    """The run's control plane, shared by all tests: work in a `namespace`, never stop it."""
    return _demand(pytestconfig)


@pytest.fixture(scope="session")
def controllers(control_plane: Coordinates) -> None:
    """For tests that need the kube-controller-manager: skipped where KUBEBUILDER_ASSETS has none."""
    if not control_plane.controllers:
        pytest.skip(f"{SKIP_PREFIX}{find().missing}")


@pytest.fixture(scope="session")
def _kube_tls(control_plane: Coordinates) -> ssl.SSLContext:
    return trust(control_plane)


@pytest.fixture
async def kube_request(control_plane: Coordinates, _kube_tls: ssl.SSLContext) -> AsyncIterator[KubeRequest]:
    """Raw requests as cluster admin: `status, body = await kube_request("GET", "/version")`."""
    async with open_session(control_plane, _kube_tls) as session:
        yield KubeRequest(session, control_plane)


@pytest.fixture
async def namespace(request: pytest.FixtureRequest, kube_request: KubeRequest) -> AsyncIterator[str]:
    """A fresh namespace with a name of its own. Its deletion is requested at the end and never waited for."""
    words = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower().removeprefix("test_"))
    name = f"t-{words[:40].strip('-')}-{secrets.token_hex(4)}"
    status, body = await kube_request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    assert status == 201, body
    yield name
    await kube_request("DELETE", f"/api/v1/namespaces/{name}")
