"""Schemathesis over the OpenAPI document, against a receiver on the sandbox: no 5xx, and every answer as described.

https://schemathesis.readthedocs.io/en/stable/reference/checks/
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from jobs.enqueue import Queue
from receiver import stream
from tests.receiver.cluster import Cluster, on_applications, on_sandbox
from tests.receiver.worker import working
from tests.valkey import Valkey

CONFIG = """
headers = {{ Authorization = "Bearer {token}" }}
request-timeout = 30.0

[parameters]
# An Application that is there, or every request would end at 404.
"path.name" = "cart"
# A token of the API's own making: any other is refused, whatever it looks like.
continue = ""

[phases.stateful]
enabled = false

# 412: an If-Match that is none of ours is well formed, and still names no version that there is.
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "3xx", "401", "403", "404", "409", "412"]
[checks.negative_data_rejection]
expected-statuses = ["400", "401", "403", "404", "405", "406", "409", "412", "415", "422", "428"]

# Not all that makes sense of an Application can be said in a schema (jobs/core/checked.py), nor what a Git host signs.
[[operations]]
include-name = "POST /api/v1/applications"
phases.coverage.enabled = {all_fields}
checks.positive_data_acceptance.enabled = false

[[operations]]
include-name = "PUT /api/v1/applications/{{name}}"
phases.coverage.enabled = {all_fields}
checks.positive_data_acceptance.enabled = false

[[operations]]
include-name = "POST /api/webhook"
checks.positive_data_acceptance.enabled = false
"""
"""all_fields: an Application has so many fields that trying each takes minutes."""


@pytest_asyncio.fixture
async def cluster(
    valkey: Valkey, queue: Queue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Cluster]:
    monkeypatch.setattr(stream, "STREAM_S", 0.02)
    async with on_sandbox(valkey, tmp_path) as made, working(made, queue):
        yield made


async def conforms(cluster: Cluster, folder: Path, *options: str, all_fields: bool) -> None:
    """Run it; fails with all that it found."""
    token = await cluster.person(on_applications("*"))
    config = folder / "schemathesis.toml"
    config.write_text(CONFIG.format(token=token, all_fields=str(all_fields).lower()))
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run", *options]
    process = await asyncio.create_subprocess_exec(
        *command,
        str(cluster.client.make_url("/api/openapi.json")),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=folder,  # it keeps its findings in a folder of its own
    )
    try:
        said, _ = await process.communicate()
    except BaseException:
        process.kill()
        await process.communicate()
        raise
    assert process.returncode == 0, said.decode().replace(token, "TOKEN")


@pytest.mark.timeout(300)
async def test_answers_are_as_described(cluster: Cluster, tmp_path: Path) -> None:
    options = ("--phases", "examples,coverage,fuzzing", "--max-examples", "3", "--generation-deterministic")
    await conforms(cluster, tmp_path, *options, all_fields=False)


@pytest.mark.long
@pytest.mark.timeout(1800)
async def test_answers_are_as_described_whatever_is_asked(cluster: Cluster, tmp_path: Path) -> None:
    await conforms(cluster, tmp_path, "--max-examples", "100", "--max-time", "900", all_fields=True)
