"""Charts that mean harm: each fails within its limits and says which one, and the pool goes on rendering."""

import asyncio
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.core.errors import RenderError
from jobs.render import Renderers
from jobs.settings import Settings
from tests.jobs.archives import Link, a_chart_request, a_config_map, a_directory_request, packaged

GOOD = a_chart_request({"web/templates/a.yaml": a_config_map()})
LAUGHS = "a0: &a0 [lol,lol]\n" + "".join(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))


@pytest.fixture(scope="module")
def renderers() -> Iterator[Renderers]:
    pool = Renderers(Settings(renderers=1, render_timeout_s=2))
    asyncio.run(pool.start())
    yield pool
    asyncio.run(pool.close())


@pytest.fixture(scope="module")
def patient() -> Iterator[Renderers]:
    """For charts that hit another limit than the time, however busy the machine is."""
    pool = Renderers(Settings(renderers=1, render_timeout_s=60))
    asyncio.run(pool.start())
    yield pool
    asyncio.run(pool.close())


async def refused(renderers: Renderers, request: object, words: str) -> str:
    """The message of a render that must fail, after which a good one must still work."""
    with pytest.raises(RenderError, match=words) as caught:
        await renderers.render(request)  # type: ignore[arg-type]
    assert len((await renderers.render(GOOD)).manifests) == 1
    assert len(caught.value.message) < 4200
    return caught.value.message


@pytest.mark.parametrize(
    "template",
    [
        "{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}",
        '{{ $d := dict }}{{ $_ := set $d "d" $d }}{{ deepCopy $d }}',
    ],
    ids=["nested loops", "a copy of itself"],
)
async def test_an_endless_template_hits_the_time_or_memory_limit(renderers: Renderers, template: str) -> None:
    request = a_chart_request({"web/templates/a.yaml": template})
    await refused(renderers, request, "time limit of 2 s|memory than its limit of 3072 MB|stack limit")


@pytest.mark.parametrize(
    "template",
    ["{{ until 4000000000 }}", '{{ repeat 2000000000 "x" }}', '{{ indent 2000000000 "x" }}'],
    ids=["until", "repeat", "indent"],
)
async def test_a_memory_bomb_hits_the_memory_limit(renderers: Renderers, template: str) -> None:
    await refused(renderers, a_chart_request({"web/templates/a.yaml": template}), "limit of 3072 MB|time limit of 2 s")


async def test_a_template_that_calls_itself_hits_the_stack_limit(renderers: Renderers) -> None:
    request = a_chart_request(
        {"web/templates/a.yaml": "{{ tpl .Values.t . }}", "web/values.yaml": "t: '{{ tpl .Values.t . }}'"}
    )
    await refused(renderers, request, "stack limit of 1 GB|limit of 3072 MB|time limit of 2 s")
    cycle = '{{ $d := dict }}{{ $_ := set $d "d" $d }}{{ printf "%v" $d }}'
    await refused(
        renderers,
        a_chart_request({"web/templates/a.yaml": cycle}),
        "stack limit of 1 GB|limit of 3072 MB|time limit of 2 s",
    )


async def test_a_huge_result_hits_the_output_limit(patient: Renderers) -> None:
    one = a_chart_request({"web/templates/a.yaml": '{{ repeat 60000000 "x" }}'})
    await refused(patient, one, "57 MB of text, more than the output limit of 50 MB")


@pytest.mark.parametrize("reference", ["http://127.0.0.1:9/x", "file:///etc/hostname", "other.json#/a", "//evil/x"])
async def test_a_schema_may_not_refer_to_anything_outside(renderers: Renderers, reference: str) -> None:
    for schema in (f'{{"properties": {{"a": {{"$ref": "{reference}"}}}}}}', f'{{"$schema": "{reference}"}}'):
        message = await refused(
            renderers, a_chart_request({"web/values.schema.json": schema}), "leads out of the schema"
        )
        assert "values.schema.json" in message


@pytest.mark.parametrize(
    ("value", "rule", "told"),
    [
        ('"not\'for\\\\you"', '{"pattern": "^[0-9]+$"}', "at '/a': the value does not match pattern '^[0-9]+$'"),
        ('"not for you"', '{"format": "email"}', "at '/a': the value is not valid email"),
        ('"not for you"', '{"oneOf": [{"pattern": "^1$"}]}', "- at '/a': the value does not match pattern '^1$'"),
        ("731940265518", '{"maximum": 5}', "at '/a': maximum: want 5"),
        ("731940", '{"multipleOf": 7}', "at '/a': multipleOf: want 7"),
    ],
)
async def test_a_value_that_a_schema_refuses_is_not_told(
    renderers: Renderers, value: str, rule: str, told: str
) -> None:
    schema = f'{{"$schema": "http://json-schema.org/draft-07/schema#", "properties": {{"a": {rule}}}}}'
    files = {"web/values.yaml": f"a: {value}\n", "web/values.schema.json": schema}
    message = await refused(renderers, a_chart_request(files), "specifications of the schema")
    assert told in message
    assert not any(piece in message for piece in ("for", "you", "7.3", "731"))


async def test_a_schema_in_a_packaged_dependency_is_looked_at_too(renderers: Renderers) -> None:
    chart = "apiVersion: v2\nname: sub\nversion: 1.0.0\n"
    inner = packaged("in", {"Chart.yaml": chart, "values.schema.json": '{"\\u0024ref": "file:///etc/hostname"}'})
    sub = packaged("sub", {"Chart.yaml": chart, "charts/in-1.0.0.tgz": inner})
    await refused(renderers, a_chart_request({"web/charts/sub-1.0.0.tgz": sub}), "leads out of the schema")


@pytest.mark.parametrize("target", ["/etc/hostname", "../../../etc/hostname", "loop"])
async def test_a_symlink_out_of_the_repository_is_refused(renderers: Renderers, target: str) -> None:
    template = a_config_map(data='{leak: {{ .Files.Get "loop" | quote }}}')
    request = a_chart_request({"web/loop": Link(target), "web/templates/a.yaml": template})
    await refused(renderers, request, "symlink")
    await refused(renderers, a_directory_request({"deploy/a.yaml": Link(target)}), "symlink|not there")


async def test_laughs_and_nests_are_refused(renderers: Renderers) -> None:
    await refused(renderers, a_chart_request({"web/values.yaml": LAUGHS}), "aliasing|excessive|limit")
    await refused(renderers, a_chart_request({}, values=LAUGHS), "aliasing|excessive|limit")
    await refused(renderers, a_chart_request({}, values="a: " + "[" * 200_000), "depth|nest")
    await refused(renderers, a_directory_request({"deploy/a.yaml": "a: " + "{a: " * 9_000 + "}" * 9_000}), "depth|nest")


async def test_an_archive_bomb_is_refused(patient: Renderers) -> None:
    bomb = packaged("sub", {"Chart.yaml": "x", "big": b"\0" * (101 << 20)})
    assert len(bomb) < 1 << 20
    await refused(patient, a_chart_request({"web/charts/sub-1.0.0.tgz": bomb}), "more than 100 MB")


async def test_an_archive_with_paths_that_lead_out_is_refused(renderers: Renderers) -> None:
    bad = packaged("..", {"../x": "x"})
    await refused(renderers, a_chart_request({"web/charts/sub-1.0.0.tgz": bad}), "illegal path")
    await refused(renderers, a_chart_request({"web/charts/sub-1.0.0.tgz": b"no archive"}), "not a chart archive")


async def test_nothing_of_the_worker_can_be_read_from_a_template(
    renderers: Renderers, monkeypatch: pytest.MonkeyPatch
) -> None:
    await refused(
        renderers, a_chart_request({"web/templates/a.yaml": '{{ env "HOME" }}'}), 'function "env" not defined'
    )
    rendered = await renderers.render(
        a_chart_request(
            {"web/templates/a.yaml": a_config_map(data='{x: {{ lookup "v1" "Secret" "a" "" | toJson | quote }}}')}
        )
    )
    assert rendered.manifests[0].body["data"] == {"x": "{}"}


async def test_a_renderer_has_no_environment_network_or_folder_of_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PILOTHOUSE_REDIS_URL", "redis://:planted@localhost")
    pool = Renderers(Settings(renderers=1))
    await pool.start()
    try:
        assert pool.network_taken
        (process,) = [int(path.stem) for path in Path(pool._scratch).glob("*.err")]
        assert b"planted" not in Path(f"/proc/{process}/environ").read_bytes()
        assert os.readlink(f"/proc/{process}/cwd") == pool._scratch
        assert "Seccomp:\t2" in Path(f"/proc/{process}/status").read_text()
    finally:
        await pool.close()


async def test_other_renders_go_on_while_one_never_ends() -> None:
    pool = Renderers(Settings(renderers=2, render_timeout_s=20))
    await pool.start()
    try:
        loop = "{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}"
        endless = asyncio.create_task(pool.render(a_chart_request({"web/templates/a.yaml": loop})))
        for _ in range(20):
            assert len((await pool.render(GOOD)).manifests) == 1
        assert not endless.done()
        endless.cancel()
        with pytest.raises(asyncio.CancelledError):
            await endless
    finally:
        await pool.close()


async def test_a_cancelled_render_frees_its_process(patient: Renderers) -> None:
    loop = "{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}"
    endless = asyncio.create_task(patient.render(a_chart_request({"web/templates/a.yaml": loop})))
    async with asyncio.timeout(30):
        while not _busy(patient):
            await asyncio.sleep(0.02)
        endless.cancel()
        # The only process would be busy for a minute if the cancelled render still had it.
        assert len((await patient.render(GOOD)).manifests) == 1


def _busy(renderers: Renderers) -> bool:
    return any(task.started for task in renderers._pool._pool_manager.task_manager.tasks.values())


async def test_renderers_end_with_the_process_that_started_them(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(script), stdout=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONPATH": os.getcwd()}
    )
    assert process.stdout
    async with asyncio.timeout(30):
        child = int(await process.stdout.readline())
    process.kill()
    await process.wait()
    deadline = time.monotonic() + 10
    while _alive(child) and time.monotonic() < deadline:
        await asyncio.sleep(0.02)
    assert not _alive(child)


def _alive(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


PARENT = """
import asyncio, pathlib
from jobs.render import Renderers
from jobs.settings import Settings
from tests.jobs.archives import a_chart_request

async def main():
    pool = Renderers(Settings(renderers=1, render_timeout_s=100))
    await pool.start()
    loop = "{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}"
    asyncio.create_task(pool.render(a_chart_request({"web/templates/a.yaml": loop})))
    await asyncio.sleep(0.5)
    print(next(pathlib.Path(pool._scratch).glob("*.err")).stem, flush=True)
    await asyncio.sleep(100)

if __name__ == "__main__":
    asyncio.run(main())
"""
