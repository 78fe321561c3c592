"""`pilothouse app ...`: list, get, sync, diff, wait. Each asks the receiver and prints; exit codes are main.py's.

What writes Applications, and what only a worker knows of them: edits.py.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import typer

from deploy.cli import show
from deploy.cli.options import Asked, Got, Listed, One, Synced, Waited, taking
from deploy.cli.show import Output

app = typer.Typer(no_args_is_help=True)

PATH = "/api/v1/applications"
POLL_S = 1.0
GRACE_S = 30.0
"""How much longer than it was asked to wait the receiver may take."""
NO, LATE = 1, 5
"""Exit codes (main.py)."""
COLUMNS = ("NAMESPACE", "NAME", "SYNC", "HEALTH", "REVISION", "MESSAGE")


@contextmanager
def the_receiver(asked: Asked) -> Iterator[Any]:
    """The receiver; a failure inside ends the command with its sentence and code. What it warns of is told."""
    from deploy.cli.server import Failure, Server

    server = Server(asked.server, asked.token)
    try:
        yield server
    except Failure as failure:
        typer.echo(f"pilothouse: {show.plain(str(failure))}", err=True)
        raise typer.Exit(failure.code) from None
    finally:
        for warning in server.warnings:
            typer.echo(f"pilothouse: {show.plain(warning)}", err=True)


@app.command("list")
@taking(Listed)
def list_(asked: Listed) -> None:
    """List the Applications."""
    query = {
        "namespace": asked.namespace,
        "projects": asked.project,
        "selector": asked.selector,
        "repo": asked.repo,
        "health": asked.health,
        "sync": asked.sync,
        "limit": "500",
    }
    found: list[Mapping[str, Any]] = []
    with the_receiver(asked) as receiver:
        page = receiver.get(PATH, **query)
        found += page["items"]
        while following := page["metadata"]["continue"]:
            page = receiver.get(PATH, **query, **{"continue": following})
            found += page["items"]
    if asked.output is Output.json:
        show.as_json(found)
    else:
        show.table(COLUMNS, map(show.row_of, found))


@app.command()
@taking(Got)
def get(asked: Got) -> None:
    """Show one Application and its objects."""
    with the_receiver(asked) as receiver:
        found = receiver.get(path_of(asked), appNamespace=asked.namespace, refresh=asked.refresh)
    _show(found, asked)
    resources = (found.get("status") or {}).get("resources") or ()
    if resources and asked.output is Output.table:
        show.table(("KIND", "NAMESPACE", "NAME", "SYNC", "HEALTH"), map(_resource_row, resources))


@app.command()
@taking(Synced)
def sync(asked: Synced) -> None:
    """Sync now. With --wait: 0 it succeeded, 1 it failed, 5 it has not ended in time."""
    waiting = f"{asked.wait}s" if asked.wait else ""
    with the_receiver(asked) as receiver:
        answer = receiver.post(
            f"{path_of(asked)}/sync",
            asked.body,
            timeout_s=asked.wait + GRACE_S,
            appNamespace=asked.namespace,
            wait=waiting,
        )
    state = answer.get("operationState") or {}
    if asked.output is Output.json:
        show.as_json(answer)
    else:
        show.lines([f"{state.get('phase', 'Requested')} {state.get('message', '')}".strip()])
    if asked.wait:
        raise typer.Exit({"Succeeded": 0, None: LATE}.get(state.get("phase"), NO))


@app.command()
@taking(One)
def diff(asked: One) -> None:
    """Show what a sync would change: 0 nothing, 1 something. Values of Secrets are masked."""
    with the_receiver(asked) as receiver:
        answer = receiver.get(f"{path_of(asked)}/managed-resources", appNamespace=asked.namespace)
    changed = [item for item in answer["items"] if item.get("action", "unchanged") != "unchanged" or _goes(item)]
    if asked.output is Output.json:
        show.as_json(changed)
    else:
        show.lines(line for item in changed for line in _difference(item))
    raise typer.Exit(NO if changed else 0)


@app.command()
@taking(Waited)
def wait(asked: Waited) -> None:
    """Wait until it is Synced and Healthy and nothing runs; 5 if it is not by then."""
    until = time.monotonic() + asked.timeout
    with the_receiver(asked) as receiver:
        while not _settled(found := receiver.get(path_of(asked), appNamespace=asked.namespace)):
            if time.monotonic() + POLL_S > until:
                break
            time.sleep(POLL_S)
    _show(found, asked)
    raise typer.Exit(0 if _settled(found) else LATE)


def path_of(asked: One) -> str:
    """The path of the Application that a command is about."""
    from deploy.cli.server import segment

    return f"{PATH}/{segment(asked.name)}"


def _show(application: Mapping[str, Any], asked: One) -> None:
    if asked.output is Output.json:
        show.as_json(application)
    else:
        show.table(COLUMNS, [show.row_of(application)])


def _settled(application: Mapping[str, Any]) -> bool:
    state = (application.get("status") or {}).get("operationState") or {}
    _, _, synced, health, _, _ = show.row_of(application)
    running = application.get("operation") or state.get("phase") in ("Running", "Terminating")
    return (synced, health) == ("Synced", "Healthy") and not running


def _resource_row(resource: Mapping[str, Any]) -> tuple[str, ...]:
    own = (str(resource.get(key) or "") for key in ("kind", "namespace", "name", "status"))
    return (*own, str((resource.get("health") or {}).get("status") or ""))


def _goes(item: Mapping[str, Any]) -> bool:
    return bool(item.get("requiresPruning"))


def _difference(item: Mapping[str, Any]) -> Iterator[str]:
    """One object and the paths at which it differs."""
    group = f".{item['group']}" if item.get("group") else ""
    place = f"{item['namespace']}/" if item.get("namespace") else ""
    named = f"{item['kind']}{group} {place}{item['name']}"
    if _goes(item):
        yield f"- {named}" + (f" (kept: {item['kept']})" if item.get("kept") else "")
        return
    yield f"{'+' if item.get('action') == 'created' else '~'} {named}"
    for path in item.get("differences") or ():
        yield f"    {path}"
