"""People's health scripts through the real pool of renderers: what they say, and that hostile ones harm nobody."""

import asyncio
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from jobs import judge
from jobs.clusters import Home
from jobs.core.health_status import Health, HealthStatus
from jobs.core.objects import identity
from jobs.judge import Judge
from jobs.render import Renderers
from jobs.settings import Settings
from tests.jobs.archives import a_chart_request, a_config_map

Json = dict[str, Any]

HEALTHY, DEGRADED, UNKNOWN = HealthStatus.HEALTHY, HealthStatus.DEGRADED, HealthStatus.UNKNOWN
KEY = "resource.customizations.health.example.com_Database"
OPEN = "resource.customizations.useOpenLibs.example.com_Database"
FINE = 'return { status = "Healthy", message = obj.metadata.name }'


class Written(Home):
    """A home namespace of these ConfigMaps."""

    def __init__(self, **data: Mapping[str, str]) -> None:
        self.data = data

    async def config_map(self, name: str) -> Mapping[str, str]:
        """Its data, or nothing."""
        return self.data.get(name.replace("-", "_"), {})


class Counting(Renderers):
    """A pool that counts what it is asked to run."""

    runs = 0

    async def run(self, function: Any, *args: Any, timeout_s: float) -> Any:
        """As always."""
        self.runs += 1
        return await super().run(function, *args, timeout_s=timeout_s)


@pytest.fixture(scope="module")
def renderers() -> Iterator[Counting]:
    pool = Counting(Settings(renderers=1, render_timeout_s=60))
    asyncio.run(pool.start())
    yield pool
    asyncio.run(pool.close())


@pytest.fixture(autouse=True)
def _short_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A script hits its limit of time soon, and a busy machine kills none that ends by itself."""
    monkeypatch.setattr(judge, "SCRIPT_S", 0.1)
    monkeypatch.setattr(judge, "GRACE_S", 60.0)


def a_judge(
    renderers: Renderers, script: str = "", *, open_libs: bool = False, generic: bool = False, **data: str
) -> Judge:
    given = {KEY: script, OPEN: str(open_libs).lower()} if script else {}
    return Judge(Written(argocd_cm=given | data), renderers, generic=generic)


def a_database(name: str = "db", version: str = "1", **status: Any) -> Json:
    metadata = {"name": name, "namespace": "shop", "uid": f"uid-{name}", "resourceVersion": version}
    return {"apiVersion": "example.com/v1", "kind": "Database", "metadata": metadata, "status": status}


async def verdict(about: Judge, body: Json | None = None) -> Health:
    body = body or a_database()
    return (await about.said([body]))[identity(body)]


async def test_a_script_written_for_argo_cd_says_how_an_object_is(renderers: Renderers) -> None:
    script = """
    hs = {}
    if obj.status ~= nil and obj.status.conditions ~= nil then
      for i, condition in ipairs(obj.status.conditions) do
        if condition.type ~= "Ready" then goto continue end
        if condition.status == "False" then
          hs.status = "Degraded"
          hs.message = condition.message .. " (" .. table.getn(obj.status.conditions) .. ")"
          return hs
        end
        ::continue::
      end
    end
    hs.status = "Progressing"
    return hs
    """
    about = a_judge(renderers, script)
    bad = [{"type": "Synced", "status": "True"}, {"type": "Ready", "status": "False", "message": "no disk"}]
    assert await verdict(about, a_database(conditions=bad)) == Health(DEGRADED, "no disk (2)")
    assert await verdict(about, a_database("other")) == Health(HealthStatus.PROGRESSING)


async def test_only_objects_with_a_script_are_asked_about(renderers: Renderers) -> None:
    plain = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web", "namespace": "shop"}}
    assert await a_judge(renderers, FINE).said([plain, a_database()]) == {identity(a_database()): Health(HEALTHY, "db")}
    assert await a_judge(renderers).said([plain, a_database()]) == {}


async def test_scripts_are_found_by_kind_and_by_wildcard_in_both_config_maps(renderers: Renderers) -> None:
    legacy = """
    "*.example.com/*":
      health.lua: return { status = "Healthy", message = "wild" }
    "*":
      health.lua: return { status = string.upper("x") == "X" and "Healthy" or "Degraded", message = "any" }
      health.lua.useOpenLibs: true
    """
    argocd = {"resource.customizations": legacy, KEY: FINE, "resource.customizations.health.Service": FINE}
    ours = {KEY: 'return { status = "Suspended", message = "ours" }'}
    about = Judge(Written(argocd_cm=argocd, pilothouse_cm=ours), renderers, generic=False)
    bodies = [
        a_database(),
        {**a_database("wild"), "apiVersion": "db.example.com/v1"},
        {**a_database("service"), "apiVersion": "v1", "kind": "Service"},
        {**a_database("any"), "apiVersion": "other.org/v1"},
    ]
    said = await about.said(bodies)
    assert [health.message for health in said.values()] == ["ours", "wild", "service", "any"]
    assert (await about.scripts()).problems == ()


@pytest.mark.parametrize(
    "text",
    ["a: [", "- a", "a: {health.lua: 7}", "a: 1", "'[': {health.lua: return}", "a: &a [*a, *a]", "a: " + "[" * 100_000],
)
async def test_customizations_that_cannot_be_read_are_a_problem_that_is_told(renderers: Renderers, text: str) -> None:
    scripts = await a_judge(renderers, FINE, **{"resource.customizations": text}).scripts()
    (problem,) = scripts.problems
    assert "resource.customizations" in problem
    assert scripts.of("example.com", "Database") is not None


async def test_a_verdict_is_kept_until_the_object_or_the_script_changes(renderers: Counting) -> None:
    about = a_judge(renderers, FINE)
    before = renderers.runs
    for _ in range(3):
        assert (await verdict(about, a_database("kept"))).status is HEALTHY
    assert renderers.runs == before + 1
    await verdict(about, a_database("kept", version="2"))
    assert renderers.runs == before + 2
    about._home.data["argocd_cm"] = {KEY: 'return { status = "Degraded" }'}  # type: ignore[attr-defined]
    assert (await verdict(about, a_database("kept", version="2"))).status is DEGRADED
    assert renderers.runs == before + 3


async def test_what_a_script_says_after_a_look_at_the_clock_is_not_kept(renderers: Counting) -> None:
    about = a_judge(renderers, 'return { status = "Healthy", message = tostring(os.time() > 1600000000) }')
    before = renderers.runs
    assert await verdict(about) == await verdict(about) == Health(HEALTHY, "true")
    assert renderers.runs == before + 2
    about = a_judge(renderers, 'return { status = "Healthy", message = "" .. os.time({year=2026, month=1, day=1}) }')
    assert await verdict(about) == await verdict(about)
    assert renderers.runs == before + 3


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("return nil", "returns nil and not a table"),
        ("return 5", "returns number and not a table"),
        ("this is no Lua", "syntax error"),
        ("return obj.status.phase.deeper", "attempt to index a nil value"),
        ('error("no such luck")', "no such luck"),
        ("error({})", "LuaError"),
        ('return { status = "Splendid" }', "'Splendid', which is none of Healthy"),
        ("return { status = 5 }", "'', which is none of"),
        ('return { status = "Healthy", message = "\\xff" }', "can't decode"),
        ("\x1bLuaR\x00\x01", "binary chunk"),
    ],
)
async def test_a_script_that_fails_leaves_the_object_unknown_with_the_reason(
    renderers: Renderers, script: str, words: str
) -> None:
    health = await verdict(a_judge(renderers, script))
    assert health.status is UNKNOWN
    assert words in health.message


HOSTILE = {
    "an endless loop": ("while true do end", "limit of 0.1 s"),
    "a pcall loop": ("while true do pcall(function() while true do end end) end", "limit of 0.1 s"),
    "an xpcall loop": (
        "while true do xpcall(function() while true do end end, function() while true do end end) end",
        "limit of 0.1 s",
    ),
    "a coroutine loop": ("coroutine.wrap(function() while true do end end)()", "limit of 0.1 s"),
    "many coroutines": (
        "while true do coroutine.resume(coroutine.create(function() while true do end end)) end",
        "limit of 0.1 s",
    ),
    "a loop in a comparison": ("table.sort({3, 2, 1}, function() while true do end end)", "limit of 0.1 s"),
    "a recursion": ("local f; f = function() return 1 + f() end f()", "stack overflow|limit of (64 MB|0.1 s)"),
    "a memory bomb": ("local t = {} for i = 1, 1e9 do t[i] = i end", "limit of (64 MB|0.1 s)"),
    "a growing text": ('local s = "x" while true do s = s .. s end', "limit of (64 MB|0.1 s)"),
    "a string.rep bomb": ('return { status = string.rep("x", 1e10) }', "too large|limit of 64 MB"),
    "a smaller string.rep bomb": ('return { status = string.rep("x", 1e9) }', "limit of 64 MB"),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_script_ends_within_its_limits_and_the_renderer_lives_on(
    renderers: Renderers, name: str
) -> None:
    script, words = HOSTILE[name]
    about = a_judge(renderers, script, open_libs=True)
    health = await verdict(about)
    assert health.status is UNKNOWN
    assert re.search(words, health.message), health.message
    assert (await verdict(a_judge(renderers, FINE))).status is HEALTHY
    assert len((await renderers.render(a_chart_request({"web/templates/a.yaml": a_config_map()}))).manifests) == 1


@pytest.mark.parametrize(
    "script",
    [
        'string.find(("a"):rep(5000), (".-"):rep(40) .. "b")',
        'setmetatable({}, { __gc = function() while true do end end }) return { status = "Healthy" }',
    ],
    ids=["a pattern that backtracks", "a finalizer"],
)
async def test_what_cannot_be_broken_off_is_killed_and_another_renderer_takes_its_place(
    renderers: Renderers, script: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judge, "GRACE_S", 0.4)
    health = await verdict(a_judge(renderers, script, open_libs=True))
    assert health == Health(UNKNOWN, "the health script failed: it ran longer than its limit of 0.1 s and was killed")
    monkeypatch.setattr(judge, "GRACE_S", 60.0)
    assert (await verdict(a_judge(renderers, FINE))).status is HEALTHY


async def test_a_script_that_hit_a_limit_is_not_run_again_for_a_while(renderers: Counting) -> None:
    about = a_judge(renderers, "while true do end")
    before = renderers.runs
    await verdict(about)
    health = await verdict(about, a_database("another"))
    assert health.status is UNKNOWN
    assert "not run for a while" in health.message
    assert renderers.runs == before + 1


async def test_after_that_while_it_is_run_again(renderers: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge, "BENCHED_S", 0.0)
    about = a_judge(renderers, "if obj.metadata.name == 'db' then while true do end end " + FINE)
    assert (await verdict(about)).status is UNKNOWN
    assert await verdict(about, a_database("another")) == Health(HEALTHY, "another")


@pytest.mark.parametrize(
    "expression",
    [
        *("io", "debug", "package", "python", "load", "loadstring", "loadfile", "dofile", "collectgarbage", "setfenv"),
        *("os.getenv", "os.execute", "os.remove", "os.exit", "os.tmpname", "string.dump", "debug.sethook", "_ENV.io"),
        *('getmetatable("").__index', "coroutine.close", "math.randomseed"),
    ],
)
@pytest.mark.parametrize("open_libs", [True, False])
async def test_nothing_that_reaches_out_of_the_script_is_there(
    renderers: Renderers, expression: str, open_libs: bool
) -> None:
    looked = f"local ok, found = pcall(function() return {expression} end)"
    script = f'{looked} return {{ status = "Healthy", message = type(ok and found or nil) }}'
    assert await verdict(a_judge(renderers, script, open_libs=open_libs)) == Health(HEALTHY, "nil")


async def test_modules_are_those_that_argo_cd_gives_and_no_others(renderers: Renderers) -> None:
    allowed = 'return { status = "Healthy", message = type(require("os").time) }'
    assert await verdict(a_judge(renderers, allowed)) == Health(HEALTHY, "function")
    assert "no module io" in (await verdict(a_judge(renderers, 'require("io")'))).message


@pytest.mark.parametrize("name", ["string", "math", "utf8", "coroutine"])
async def test_more_libraries_are_there_only_if_they_are_asked_for(renderers: Renderers, name: str) -> None:
    script = f'return {{ status = "Healthy", message = type({name}) }}'
    assert (await verdict(a_judge(renderers, script))).message == "nil"
    assert (await verdict(a_judge(renderers, script, open_libs=True))).message == "table"
    text = 'return { status = "Healthy", message = ("x"):rep(3) }'
    assert (await verdict(a_judge(renderers, text))).status is UNKNOWN
    assert (await verdict(a_judge(renderers, text, open_libs=True))).message == "xxx"


async def test_one_script_leaves_nothing_for_the_next(renderers: Renderers) -> None:
    spoiled = 'left = "behind" string.len = nil obj.metadata.name = "spoilt" return { status = "Healthy" }'
    await verdict(a_judge(renderers, spoiled, open_libs=True))
    script = 'return { status = "Healthy", message = type(left) .. type(string.len) .. obj.metadata.name }'
    assert (await verdict(a_judge(renderers, script, open_libs=True))).message == "nilfunctiondb"


async def test_a_script_never_sees_the_values_of_a_secret(renderers: Renderers) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "data": {"password": "aHVudGVyMg=="}}
    key = "resource.customizations.health.Secret"
    about = a_judge(renderers, **{key: 'return { status = "Healthy", message = obj.data.password }'})
    assert await verdict(about, secret) == Health(HEALTHY, "++++++++")


async def test_an_object_deeper_than_json_is_unknown(renderers: Renderers) -> None:
    deep: Any = {}
    for _ in range(300):
        deep = {"a": deep}
    health = await verdict(a_judge(renderers, FINE), a_database("deep", spec=deep))
    assert health.status is UNKNOWN
    assert "nested too deeply" in health.message


async def test_kinds_without_a_rule_are_judged_by_the_usual_conditions_when_that_is_switched_on(
    renderers: Counting,
) -> None:
    body = a_database(conditions=[{"type": "Ready", "status": "False", "message": "restoring"}])
    before = renderers.runs
    assert await a_judge(renderers).said([body]) == {}
    assert await verdict(a_judge(renderers, generic=True), body) == Health(HealthStatus.PROGRESSING, "restoring")
    assert renderers.runs == before
    assert await verdict(a_judge(renderers, FINE, generic=True), body) == Health(HEALTHY, "db")
