"""A sandbox and a stage on it, without workers: what the demo's own parts are tested on."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deploy.demo.stage import Stage
from deploy.sandbox import Sandbox


@pytest.fixture
async def kubeconfig(tmp_path: Path) -> AsyncIterator[Path]:
    """The kubeconfig of a cluster in memory."""
    async with Sandbox.serve() as sandbox:
        yield sandbox.kubeconfig(tmp_path / "kubeconfig")


@pytest.fixture
async def stage(kubeconfig: Path, tmp_path: Path) -> AsyncIterator[Stage]:
    """A stage with a receiver and no worker: nothing claims what is marked."""
    async with Stage.up(kubeconfig=kubeconfig, workers=0, folder=tmp_path / "stage") as stage:
        yield stage
