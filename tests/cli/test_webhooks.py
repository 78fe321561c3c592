import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from deploy.cli.main import app
from receiver.delivery import HOSTS
from receiver.settings import ReceiverSettings
from receiver.webhook_secrets import KEYS, all_keys

GUIDE = Path(__file__).parents[2] / "docs/webhooks.md"
SERVER = "https://pilothouse.example.com/"
URL = "https://pilothouse.example.com/api/webhook"


def test_every_host_is_told_its_url_and_where_its_secret_belongs() -> None:
    result = CliRunner().invoke(app, ["webhook", "--server", SERVER])
    assert result.exit_code == 0
    assert result.output.count(URL) == len(HOSTS)
    for host in HOSTS:
        assert host.title in result.output
        for key in (key for keys in KEYS[host.name] for key in keys):
            assert key in result.output


def test_one_host_for_machines() -> None:
    result = CliRunner().invoke(app, ["webhook", "azure_devops", "--server", SERVER, "-o", "json"])
    (hook,) = json.loads(result.stdout)
    assert (hook["host"], hook["url"], hook["secret"]) == ("azure_devops", URL, "pilothouse-secret")
    assert hook["keys"] == [["webhook.azuredevops.username", "webhook.azuredevops.password"]]
    assert hook["settings"] == [["PILOTHOUSE_WEBHOOK_AZUREDEVOPS_USERNAME", "PILOTHOUSE_WEBHOOK_AZUREDEVOPS_PASSWORD"]]


def test_every_setting_it_names_is_one_and_every_step_is_a_section_of_the_guide() -> None:
    hooks = json.loads(CliRunner().invoke(app, ["webhook", "--server", SERVER, "-o", "json"]).stdout)
    fields = {f"PILOTHOUSE_{name.upper()}" for name in ReceiverSettings.model_fields}
    assert {name for hook in hooks for names in hook["settings"] for name in names} <= fields
    headings = re.findall(r"^## (.+)$", GUIDE.read_text(), re.MULTILINE)
    anchors = {"docs/webhooks.md#" + heading.lower().replace(" ", "-") for heading in headings}
    assert {hook["steps"] for hook in hooks} <= anchors
    assert all(f"`{key}`" in GUIDE.read_text() for key in all_keys())


def test_a_secret_in_the_environment_is_never_printed() -> None:
    names = [
        f"PILOTHOUSE_{key.replace('.', '_').upper()}" for places in KEYS.values() for keys in places for key in keys
    ]
    for output in ("table", "json"):
        result = CliRunner().invoke(app, ["webhook", "-o", output], env=dict.fromkeys(names, "planted"))
        assert result.exit_code == 0
        assert "planted" not in result.output


def test_an_address_that_no_git_host_reaches_is_pointed_out() -> None:
    assert "--server" in CliRunner().invoke(app, ["webhook"], env={"PILOTHOUSE_SERVER": ""}).stderr
    assert CliRunner().invoke(app, ["webhook", "--server", SERVER]).stderr == ""


@pytest.mark.parametrize(
    "arguments",
    [["sourceforge"], ["--server", "pilothouse.example.com"], ["--server", "https://"], ["--server", "http://["]],
)
def test_wrong_usage_is_explained(arguments: list[str]) -> None:
    result = CliRunner().invoke(app, ["webhook", *arguments])
    assert result.exit_code == 2
    assert result.stdout == ""
