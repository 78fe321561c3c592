"""How the story looks in a terminal: sober with colours, readable without them. Nothing is measured or decided here."""

import asyncio
import sys
from collections.abc import Mapping
from types import TracebackType

from rich.console import Console
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from deploy.demo.story import STORY, Did, Saw, Step

WIDTH = 108
"""Lines are not longer, however wide the screen is."""
TIME_COLUMN = 10


class Terminal:
    """Shows a story as it unfolds; a spinner says what is waited for, if there is a screen to spin on."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)
        # Into a pipe or a log nothing is folded at the 80 columns that would be assumed.
        self.console.width = min(self.console.width, WIDTH) if self.console.is_terminal else WIDTH

    def title(self, where: str, started_s: float) -> None:
        """What this is and where it plays."""
        text = Text.assemble(("Pilothouse", "bold"), "  a push reaches the cluster in a fraction of a second\n")
        text.append(f"{where}; everything is up after {started_s:.1f} s", style="dim")
        self.console.print(Panel(text, border_style="cyan"))

    def waiting(self, what: str) -> "_Waiting":
        """A spinner while the block runs; nothing without a screen."""
        return _Waiting(self.console, what)

    def step(self, number: int, step: Step) -> None:
        """The heading of a step."""
        self.console.print()
        self.console.print(Text.assemble((f"{number}  {step.title}", "bold cyan"), ("   " + step.about, "dim")))

    def told(self, told: Did | Saw) -> None:
        """One line of a step."""
        if isinstance(told, Did):
            self.console.print(Text(f"   $ {told.command}", style="yellow"), soft_wrap=True)
            return
        line = Table.grid(expand=False)
        line.add_column(width=5)
        line.add_column(width=self.console.width - 5 - TIME_COLUMN, overflow="fold")
        line.add_column(width=TIME_COLUMN, justify="right")
        took = "" if told.took_s is None else f"{told.took_s:.2f} s"
        line.add_row(Text("   ✓", style="green"), Text(told.what), Text(took, style="bold green"))
        self.console.print(line)

    def happy_end(self, took_s: float) -> None:
        """All of it was seen."""
        self.console.print()
        sentence = f"All {len(STORY)} steps were seen in the cluster, in {took_s:.1f} s. "
        self.console.print(
            Text.assemble((sentence, "bold green"), ("Times count from the webhook or the edit.", "dim"))
        )

    def failed(self, expected: str, seen: str, logs: str) -> None:
        """What was expected, what was there instead, and the end of each log."""
        self.console.print()
        text = Text.assemble(("expected  ", "bold"), expected, ("\nseen      ", "bold"), seen)
        self.console.print(Panel(text, title="the story broke off", border_style="red"))
        self.console.print(Text(logs, style="dim"), soft_wrap=True)

    def playground(self, rows: Mapping[str, str]) -> None:
        """What to type now; whole lines, so that they can be copied."""
        self.console.print()
        self.console.print(Rule("It stays up until Ctrl-C. Play with it, in another terminal", style="cyan"))
        for what, command in rows.items():
            self.console.print(Text(f"\n{what}", style="bold"))
            self.console.print(Text("  " + command.replace("\n", "\n  "), style="yellow"), soft_wrap=True)
        self.console.print()

    def say(self, line: str) -> None:
        """One plain line."""
        self.console.print(Text(line), soft_wrap=True)

    async def ask(self, question: str) -> bool:
        """A yes from the person in front of the screen; no without one. Not by input(): a Ctrl-C must get through."""
        if not (self.console.is_terminal and sys.stdin.isatty()):
            return False
        self.console.print(Text(f"{question} [y/N] "), end="")
        typed = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_reader(sys.stdin, typed.set)
        try:
            await typed.wait()
        finally:
            loop.remove_reader(sys.stdin)
        return sys.stdin.readline().strip().lower() in ("y", "yes")


class _Waiting:
    """A spinner that comes and goes."""

    def __init__(self, console: Console, what: str) -> None:
        self._status = console.status(Text(what, style="dim")) if console.is_terminal else None

    def __enter__(self) -> None:
        if self._status:
            self._status.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status:
            self._status.stop()
