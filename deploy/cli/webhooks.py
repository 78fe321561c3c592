"""`pilothouse webhook`: what to enter at each Git host, and where its secret belongs. The secret is never read here."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import typer

from deploy.cli import show
from deploy.cli.options import Hooked, taking
from deploy.cli.show import Output

PATH = "/api/webhook"
GUIDE = "docs/webhooks.md"
LOOPBACK = ("127.0.0.1", "::1", "localhost")


@taking(Hooked)
def webhook(asked: Hooked) -> None:
    """Print for each Git host the URL to enter there, and where its webhook secret belongs."""
    hostname = _hostname(asked.server)
    hooks = [hook for hook in _hooks(asked.server.rstrip("/") + PATH) if asked.host in ("", hook["host"])]
    if not hooks:
        known = ", ".join(hook["host"] for hook in _hooks(""))
        raise typer.BadParameter(f"{asked.host!r} is no Git host that Pilothouse knows; it knows {known}")
    if asked.output is Output.json:
        show.as_json(hooks)
    else:
        show.lines(line for hook in hooks for line in _lines(hook))
    if hostname in LOOPBACK:
        typer.echo("A Git host cannot reach this address: give the receiver's public one with --server.", err=True)


def _hostname(server: str) -> str:
    try:
        address = urlsplit(server)
    except ValueError:
        address = urlsplit("")
    if address.scheme not in ("http", "https") or not address.hostname:
        raise typer.BadParameter(f"the server must be an http(s) address, not {server!r}")
    return address.hostname


def _hooks(url: str) -> Iterator[dict[str, Any]]:
    """One for each host of the receiver's table."""
    from receiver.delivery import HOSTS
    from receiver.webhook_secrets import KEYS, SHARED_SECRET

    for host in HOSTS:
        yield {
            "host": host.name,
            "title": host.title,
            "url": url,
            "secret": SHARED_SECRET,
            "keys": [list(keys) for keys in KEYS[host.name]],
            "settings": [[_setting(key) for key in keys] for keys in KEYS[host.name]],
            "checked": host.provider.SIGNATURE,
            "steps": f"{GUIDE}#{host.title.lower().replace(' ', '-')}",
        }


def _setting(key: str) -> str:
    """The variable for a key of the Secret: `webhook.github.secret` -> `PILOTHOUSE_WEBHOOK_GITHUB_SECRET`."""
    return f"PILOTHOUSE_{key.replace('.', '_').upper()}"


def _lines(hook: Mapping[str, Any]) -> Iterator[str]:
    yield f"{hook['title']} ({hook['host']})"
    yield f"  URL      {hook['url']}"
    yield f"  secret   Secret {hook['secret']}: {_places(hook['keys'])}"
    yield f"           or a setting: {_places(hook['settings'])}"
    yield f"  checked  {hook['checked']}"
    yield f"  steps    {hook['steps']}"


def _places(places: list[list[str]]) -> str:
    return ", else ".join(" and ".join(keys) for keys in places)
