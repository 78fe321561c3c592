"""Each setting and each route is in the documentation, and the documentation tells of no other."""

import re
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from annotated_types import Ge, Le
from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

import jobs.metrics
import receiver.metrics
from jobs import probes
from receiver.app import build_app
from receiver.settings import ReceiverSettings

DOCS = Path(__file__).parents[1] / "docs"
ROW = re.compile(
    r"^\| `(?P<name>KUBECONFIG|PILOTHOUSE_\w+)` \| (?P<default>.*?) \| (?P<takes>.*?) \| (?P<meaning>.*?) \|$"
)
ROUTE = re.compile(r"^\| `(?P<method>[A-Z]+) (?P<path>/\S+)` \|[^|]*\|$", re.MULTILINE)
FIELDS = {
    str(field.validation_alias or f"PILOTHOUSE_{name.upper()}"): field
    for name, field in ReceiverSettings.model_fields.items()  # those of both processes, and its own
}


def rows() -> dict[str, dict[str, str]]:
    """The rows of docs/settings.md by their variable."""
    matches = [ROW.match(line) for line in (DOCS / "settings.md").read_text().splitlines()]
    return {found["name"]: found.groupdict() for found in matches if found}


def default_in_words(field: FieldInfo) -> str:
    value: Any = field.default
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if value is None or value in ("", ()):
        return "none"
    words = ",".join(value) if isinstance(value, tuple) else str(value).lower() if isinstance(value, bool) else value
    return f"`{words:g}`" if isinstance(words, float) else f"`{words}`"


def test_every_setting_is_documented_and_nothing_else_is() -> None:
    assert rows().keys() == FIELDS.keys()


@pytest.mark.parametrize("name", FIELDS)
def test_the_documented_default_is_the_real_one(name: str) -> None:
    if FIELDS[name].default is not PydanticUndefined:  # a default that is worked out is described in words
        assert rows()[name]["default"] == default_in_words(FIELDS[name])


@pytest.mark.parametrize("name", FIELDS)
def test_the_limits_of_a_setting_are_documented(name: str) -> None:
    takes = rows()[name]["takes"]
    for limit in FIELDS[name].metadata:
        if isinstance(limit, Ge | Le):
            bound = limit.ge if isinstance(limit, Ge) else limit.le
            assert re.search(rf"(?<![0-9.]){re.escape(format(bound, '.10g'))}(?![0-9.])", takes), takes


@pytest.mark.parametrize("name", FIELDS)
def test_a_setting_has_its_unit_and_its_reason(name: str) -> None:
    row = rows()[name]
    assert len(row["meaning"]) > 20
    for suffix, unit in (("_S", "second"), ("_MB", "MB"), ("_BYTES", "bytes")):
        if name.endswith(suffix):
            assert unit in row["takes"]


async def test_every_route_is_documented_and_nothing_else_is(tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(KUBECONFIG)
    web_app = await build_app(ReceiverSettings(kubeconfig=str(kubeconfig), redis_url=SecretStr("unix:///nowhere")))
    runner = web.AppRunner(web_app)
    await runner.setup()
    await runner.cleanup()
    served = {(route.method, route.resource.canonical) for route in web_app.router.routes() if route.resource}
    documented = {(found["method"], found["path"]) for found in ROUTE.finditer((DOCS / "api.md").read_text())}
    assert served - {("HEAD", path) for _, path in served} == documented


def test_every_metric_is_documented_and_nothing_else_is() -> None:
    registries = (receiver.metrics.Metrics().registry, probes.Metrics().registry, jobs.metrics.FLOW)
    made = {
        f"{metric.name}_total" if metric.type == "counter" else metric.name
        for registry in registries
        for metric in registry.collect()
    }
    rows = re.findall(r"^\| `(pilothouse_\w+)", (DOCS / "operate.md").read_text(), re.MULTILINE)
    assert sorted(rows) == sorted(made)


KUBECONFIG = """
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "http://127.0.0.1:1"}}]
users: [{name: u, user: {token: t}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
"""
