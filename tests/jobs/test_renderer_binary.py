"""Rendering with a `helm` program: inside the same limits, and gone when its render is."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.core.errors import RenderError
from jobs.render import Renderers
from jobs.settings import Settings
from tests.jobs.archives import a_chart_request, a_config_map
from tests.oracle import helm

LOOP = a_chart_request({"web/templates/a.yaml": "{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}"})


@pytest.fixture(scope="module")
def renderers() -> Iterator[Renderers]:
    pool = Renderers(Settings(renderers=1, render_timeout_s=2, helm_binary=helm()))
    asyncio.run(pool.start())
    yield pool
    asyncio.run(pool.close())


async def refused(renderers: Renderers, template: str, words: str) -> str:
    with pytest.raises(RenderError, match=words) as caught:
        await renderers.render(a_chart_request({"web/templates/a.yaml": template}))
    good = await renderers.render(a_chart_request({"web/templates/a.yaml": a_config_map()}))
    assert [manifest.id.name for manifest in good.manifests] == ["a"]
    assert not _helms(renderers)
    return caught.value.message


async def test_an_endless_template_ends_with_its_process(renderers: Renderers) -> None:
    with pytest.raises(RenderError, match="time limit of 2 s"):
        await renderers.render(LOOP)
    assert not _helms(renderers)


async def test_limits_are_named(renderers: Renderers) -> None:
    await refused(renderers, '{{ repeat 2000000000 "x" }}', "limit of 3072 MB|time limit of 2 s")
    await refused(renderers, '{{ repeat 60000000 "x" }}', "time limit of 2 s|output limit of 50 MB")
    cycle = '{{ $d := dict }}{{ $_ := set $d "d" $d }}{{ printf "%v" $d }}'
    await refused(renderers, cycle, "stack limit of 1 GB|limit of 3072 MB|time limit of 2 s")


async def test_errors_name_file_and_line_and_no_path_of_this_machine(renderers: Renderers) -> None:
    message = await refused(renderers, "a: {{ .Values.a.b }}", r"web/templates/a\.yaml:1:\d+")
    assert "/tmp" not in message


async def test_a_cancelled_render_takes_its_program_with_it(renderers: Renderers) -> None:
    running = asyncio.create_task(renderers.render(LOOP))
    await _until(lambda: bool(_helms(renderers)))
    running.cancel()
    await _until(lambda: not _helms(renderers))


def _helms(renderers: Renderers) -> list[int]:
    """Process ids of helm programs of this pool, whose files lie in its scratch folder."""
    scratch = renderers._scratch.encode()
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if b"\0template\0" + scratch in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


async def _until(holds: object) -> None:
    assert callable(holds)
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
