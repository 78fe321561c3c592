"""The `pilothouse` command: the table of its subcommands. Their work is in the files beside; it must start fast.

Exit codes: 0 done; 1 the answer is no (a sync failed, there are differences, a process died); 2 wrong usage or setting;
3 the server refused; 4 it cannot be reached; 5 not in time.
"""

import os
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from deploy.cli import applications, edits, webhooks

app = typer.Typer(
    name="pilothouse",
    help="Keeps Kubernetes clusters equal to Git, within a fraction of a second of a push.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # its tracebacks show local variables: a token is one
)
edits.add_to(applications.app)
app.add_typer(applications.app, name="app", help="Look at Applications and sync them, over the receiver's HTTP API.")
app.command()(webhooks.webhook)


def _become(module: str) -> NoReturn:
    """Replace this process, so that signals and exit codes are the module's own. -P: no code from this folder."""
    os.execv(sys.executable, [sys.executable, "-P", "-m", module])  # noqa: S606 - no shell, fixed arguments


@app.command()
def receiver() -> None:
    """Run the receiver: takes webhooks in, serves the API. Settings: PILOTHOUSE_* (docs/settings.md)."""
    _become("receiver")


@app.command()
def worker() -> None:
    """Run one worker: renders and deploys. Settings: PILOTHOUSE_* (docs/settings.md)."""
    _become("jobs")


@app.command()
def run(
    data_dir: Annotated[
        Path | None,
        typer.Option(
            envvar="PILOTHOUSE_DATA_DIR", help="Folder for the queue and caches.", show_default="cache folder"
        ),
    ] = None,
    kubeconfig: Annotated[
        str | None, typer.Option(envvar="KUBECONFIG", help="The cluster to serve.", show_default="~/.kube/config")
    ] = None,
) -> None:
    """Run everything on this machine: an embedded Valkey, the receiver and one worker, until Ctrl-C.

    Ends with 1 as soon as one of them dies: nothing is restarted silently.
    """
    from deploy.cli import single_node

    raise typer.Exit(single_node.run(data_dir, kubeconfig))


@app.command()
def version() -> None:
    """Print the version."""
    from importlib.metadata import version as version_of

    typer.echo(f"pilothouse {version_of('pilothouse')}")


if __name__ == "__main__":
    app()
