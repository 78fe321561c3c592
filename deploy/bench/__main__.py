"""`python -m deploy.bench --apps 20,100 [--json FILE]`: measure on the test control plane, print one table."""

import argparse
import asyncio
import dataclasses
import json
import signal
import sys
import tempfile
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from deploy.bench import account, machine
from deploy.bench.figures import Figure
from deploy.bench.round import Round
from deploy.demo.cluster import Cluster, ClusterError
from deploy.demo.places import real
from deploy.demo.processes import ChildError
from deploy.demo.terminal import Terminal
from deploy.demo.watch import NotSeen

INTERRUPTED = 130
console = Console(highlight=False)


def main(arguments: list[str] | None = None) -> int:
    """Exit codes: 0 measured, whatever the figures; 1 something did not come to an end; 130 interrupted."""
    parser = argparse.ArgumentParser(prog="python -m deploy.bench", description=__doc__)
    parser.add_argument("--apps", type=_sizes, default=(20, 100), help="numbers of applications, e.g. 20,100")
    parser.add_argument("--pushes", type=int, default=100, help="pushes that change one chart, at each size")
    parser.add_argument("--idle", type=float, default=60.0, metavar="S", help="how long to count idle requests")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    options = parser.parse_args(arguments)
    try:
        return asyncio.run(_main(options))
    except (KeyboardInterrupt, asyncio.CancelledError):
        return INTERRUPTED


def _sizes(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


async def _main(options: argparse.Namespace) -> int:
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    where = f"{machine.described()} before the start"  # other work on it would make every figure worse
    try:
        found = await _measured(options)
    except (ChildError, ClusterError, NotSeen) as error:
        console.print(f"the bench broke off: {error}", markup=False, style="red")
        return 1
    _show(found, where)
    if options.json:
        figures = [{**dataclasses.asdict(each), "aim": each.aim, "argo_cd": each.argo_cd} for each in found]
        options.json.write_text(json.dumps({"machine": where, "figures": figures}, indent=1) + "\n")
    return 0


async def _measured(options: argparse.Namespace) -> list[Figure]:
    found: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="pilothouse-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        async with real(folder, Terminal(console)) as place, Cluster.connect(place.kubeconfig) as admin:
            kubeconfig = await account.kubeconfig_for(admin, place.kubeconfig, folder / "kubeconfig")
            for size in options.apps:
                inside = folder / f"stage-{size}"
                async with Round.of(size, admin=admin, kubeconfig=kubeconfig, folder=inside) as bench:
                    try:
                        found += await _round(bench, options)
                    except NotSeen:
                        console.print(bench.stage.last_lines(), markup=False, style="dim")
                        raise
    return found


async def _round(bench: Round, options: argparse.Namespace) -> list[Figure]:
    """Every figure of one size; each is told as soon as it is known."""
    found: list[Figure] = []
    for measure in (
        bench.first_sync,
        partial(bench.pushes, options.pushes),
        bench.all_changed,
        bench.drift,
        partial(bench.idle, options.idle),
    ):
        found += _told(await measure())
    await bench.plain.remove()
    return found + _told(bench.memory(options.pushes))


def _told(figures: list[Figure]) -> list[Figure]:
    for each in figures:
        console.print(f"{each.applications:>5}  {each.name}: {_text(each.value, each.unit)}  {each.note}", style="dim")
    return figures


def _show(figures: list[Figure], where: str) -> None:
    table = Table(title=f"Pilothouse on {where}", title_justify="left")
    for heading in ("", "applications", "Pilothouse", "floor", "aim", "Argo CD"):
        table.add_column(heading, justify="left" if not heading else "right")
    for each in sorted(figures, key=lambda figure: [item.name for item in figures].index(figure.name)):
        good = each.aim is None or each.value <= each.aim
        value = f"[{'green' if good else 'red'}]{_text(each.value, each.unit)}[/]" if each.aim is not None else ""
        table.add_row(
            each.name,
            str(each.applications),
            value or _text(each.value, each.unit),
            _text(each.floor, each.unit),
            _text(each.aim, each.unit),
            _text(each.argo_cd, each.unit),
        )
    console.print(table)
    console.print("Floor: the same by plain git fetch and plain server-side apply, in this run.", style="dim")


def _text(value: float | None, unit: str) -> str:
    if value is None:
        return "-"
    digits = {"s": 2 if value >= 1 else 3, "%": 2}.get(unit, 0)
    return f"{value:.{digits}f} {unit}".strip()


if __name__ == "__main__":
    sys.exit(main())
