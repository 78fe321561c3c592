"""The options of `pilothouse app ...` and `pilothouse webhook`, each a field of a frozen dataclass.

And how such a class becomes a command.
"""

import dataclasses
import inspect
from collections.abc import Callable
from typing import Annotated, Any, TypeVar, get_type_hints

import typer

from deploy.cli.show import Output

SERVER = "http://127.0.0.1:8080"
MAX_WAIT_S = 300

T = TypeVar("T")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Asked:
    """What every command takes."""

    server: Annotated[str, typer.Option(envvar="PILOTHOUSE_SERVER", help="The receiver's address.")] = SERVER
    token: Annotated[
        str,
        typer.Option(envvar="PILOTHOUSE_TOKEN", help="A Kubernetes token; better in the environment."),
    ] = dataclasses.field(default="", repr=False)
    output: Annotated[Output, typer.Option("--output", "-o", help="For people or for machines.")] = Output.table


@dataclasses.dataclass(frozen=True, kw_only=True)
class Listed(Asked):
    """`app list`."""

    namespace: Annotated[str, typer.Option("--namespace", "-n", help="Only this namespace.")] = ""
    project: Annotated[str, typer.Option(help="Only this AppProject.")] = ""
    selector: Annotated[str, typer.Option("--selector", "-l", help="Only these labels.")] = ""
    repo: Annotated[str, typer.Option(help="Only those with a source in this repository.")] = ""
    health: Annotated[list[str] | None, typer.Option(help="Only with this health, e.g. Degraded; repeatable.")] = None
    sync: Annotated[list[str] | None, typer.Option(help="Only with this sync status; repeatable.")] = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class One(Asked):
    """A command about one Application."""

    name: Annotated[str, typer.Argument(help="The Application's name.")]
    namespace: Annotated[str, typer.Option("--namespace", "-n", help="Its namespace; default: home.")] = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Got(One):
    """`app get`."""

    refresh: Annotated[str, typer.Option(help="normal or hard: also look anew.")] = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Synced(One):
    """`app sync`."""

    revision: Annotated[str, typer.Option(help="Branch, tag or commit; default: what the Application says.")] = ""
    prune: Annotated[bool, typer.Option("--prune", help="Delete what Git no longer has.")] = False
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing.")] = False
    resource: Annotated[
        list[str] | None,
        typer.Option(help="Only this object: GROUP:KIND:NAME or GROUP:KIND:NAMESPACE/NAME; repeatable."),
    ] = None
    wait: Annotated[int, typer.Option(min=0, max=MAX_WAIT_S, help="Seconds to wait for its end; 0: don't.")] = 0

    @property
    def body(self) -> dict[str, Any]:
        """The body of the request: only what was asked for. Raises BadParameter."""
        given = {"revision": self.revision, "prune": self.prune, "dryRun": self.dry_run}
        resources = [selected(each) for each in self.resource or ()]
        return {key: value for key, value in {**given, "resources": resources}.items() if value}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Created(Asked):
    """`app create`."""

    file: Annotated[str, typer.Option("--file", "-f", help="YAML or JSON with Applications; -: standard input.")]
    namespace: Annotated[str, typer.Option("--namespace", "-n", help="Theirs, where the file names none.")] = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Deleted(One):
    """`app delete`."""

    cascade: Annotated[bool, typer.Option(help="Delete its objects, too.")] = True
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class RolledBack(One):
    """`app rollback`."""

    id: Annotated[int, typer.Argument(help="`id` of an entry of status.history.")]
    prune: Annotated[bool, typer.Option("--prune", help="Delete what that entry's sources do not have.")] = False
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing.")] = False

    @property
    def body(self) -> dict[str, Any]:
        """The body of the request: only what was asked for."""
        given = {"prune": self.prune, "dryRun": self.dry_run}
        return {"id": self.id} | {key: value for key, value in given.items() if value}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Waited(One):
    """`app wait`."""

    timeout: Annotated[int, typer.Option(min=1, help="Seconds.")] = 300


@dataclasses.dataclass(frozen=True, kw_only=True)
class Hooked:
    """`webhook`."""

    host: Annotated[str, typer.Argument(help="Only this Git host, e.g. github.")] = ""
    server: Annotated[
        str, typer.Option(envvar="PILOTHOUSE_SERVER", help="The receiver's address as Git hosts reach it.")
    ] = SERVER
    output: Annotated[Output, typer.Option("--output", "-o", help="For people or for machines.")] = Output.table


def taking(shape: type[T]) -> Callable[[Callable[[T], None]], Callable[..., None]]:
    """A command whose options are the fields of a dataclass: typer reads a signature, so it is given one."""

    def decorate(command: Callable[[T], None]) -> Callable[..., None]:
        def taken(**given: Any) -> None:
            command(shape(**given))

        hints = get_type_hints(shape, include_extras=True)
        parameters = [
            inspect.Parameter(
                field.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=inspect.Parameter.empty if field.default is dataclasses.MISSING else field.default,
                annotation=hints[field.name],
            )
            for field in dataclasses.fields(shape)  # type: ignore[arg-type]  # there is no type for "a dataclass"
        ]
        taken.__name__, taken.__doc__ = command.__name__, command.__doc__
        taken.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # functions have no such field
        taken.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return taken

    return decorate


def selected(written: str) -> dict[str, str]:
    """`apps:Deployment:shop/web` as an entry of a selective sync. Raises BadParameter."""
    group, _, rest = written.partition(":")
    kind, _, name = rest.partition(":")
    if not kind or not name:
        raise typer.BadParameter(f"{written!r} is not GROUP:KIND:NAME (the core group is empty: `:Service:web`)")
    namespace, _, plain_name = name.rpartition("/")
    found = {"group": group, "kind": kind, "name": plain_name, "namespace": namespace}
    return {key: value for key, value in found.items() if value}
