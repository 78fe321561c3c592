"""`pilothouse app ...`: create, delete, rollback, manifests, events. Each asks the receiver and prints."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer

from deploy.cli import show
from deploy.cli.applications import PATH, path_of, the_receiver
from deploy.cli.options import Created, Deleted, One, RolledBack, taking
from deploy.cli.show import Output

COLUMNS = ("LAST", "TYPE", "REASON", "COUNT", "MESSAGE")


def add_to(app: typer.Typer) -> None:
    """Make these commands of `pilothouse app`."""
    for command in (create, delete, rollback, manifests, events):
        app.command()(command)


@taking(Created)
def create(asked: Created) -> None:
    """Create the Applications of a file, with your own token: one that the API server accepts."""
    bodies, made = _applications(asked.file), []
    with the_receiver(asked) as receiver:
        for body in bodies:
            namespace = (body.get("metadata") or {}).get("namespace") or asked.namespace
            made.append(receiver.post(PATH, body, appNamespace=namespace))
            if asked.output is Output.table:
                metadata = made[-1]["metadata"]
                show.lines([f"{metadata['namespace']}/{metadata['name']} created"])
    if asked.output is Output.json:
        show.as_json(made)


@taking(Deleted)
def delete(asked: Deleted) -> None:
    """Delete an Application, and its objects unless told otherwise. Asks first."""
    what = "and all its objects" if asked.cascade else "and leave its objects"
    if not asked.yes:
        typer.confirm(f"Delete {asked.name} {what}?", abort=True, err=True)
    with the_receiver(asked) as receiver:
        left = receiver.delete(path_of(asked), appNamespace=asked.namespace, cascade=str(asked.cascade).lower())
    if asked.output is Output.json:
        show.as_json(left)
    else:
        show.lines(["its objects are going; then it goes itself" if left else "deleted"])


@taking(RolledBack)
def rollback(asked: RolledBack) -> None:
    """Deploy an entry of the history again. Refused while automated sync is on: use `git revert` then."""
    with the_receiver(asked) as receiver:
        answer = receiver.post(f"{path_of(asked)}/rollback", asked.body, appNamespace=asked.namespace)
    if asked.output is Output.json:
        show.as_json(answer)
    else:
        show.lines(["Requested"])


@taking(One)
def manifests(asked: One) -> None:
    """Show what the sources say, rendered. Values of Secrets are masked."""
    with the_receiver(asked) as receiver:
        answer = receiver.get(f"{path_of(asked)}/manifests", appNamespace=asked.namespace)
    if asked.output is Output.json:
        show.as_json(answer)
        return
    import yaml

    for text in answer["manifests"]:
        show.lines(["---", *yaml.safe_dump(json.loads(text), sort_keys=False).splitlines()])
    for warning in answer["warnings"]:
        typer.echo(f"pilothouse: {show.plain(warning)}", err=True)


@taking(One)
def events(asked: One) -> None:
    """Show the Kubernetes Events on an Application, the newest last."""
    with the_receiver(asked) as receiver:
        found = receiver.get(f"{path_of(asked)}/events", appNamespace=asked.namespace)["items"]
    if asked.output is Output.json:
        show.as_json(found)
    else:
        show.table(COLUMNS, map(_event_row, found))


def _event_row(event: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(event[name]) for name in ("lastTimestamp", "type", "reason", "count", "message"))


def _applications(file: str) -> list[dict[str, Any]]:
    """The Applications of a file. Raises BadParameter when it cannot be read or holds something else."""
    import yaml

    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text()
        found = [body for body in yaml.safe_load_all(text) if body is not None]
    except OSError as error:
        raise typer.BadParameter(f"{file}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"{file} is neither YAML nor JSON: {error}") from None
    if not found or not all(isinstance(body, dict) and body.get("kind") == "Application" for body in found):
        raise typer.BadParameter(f"{file} must hold Applications and nothing else")
    return found
