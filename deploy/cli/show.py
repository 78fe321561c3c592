"""What the command prints: JSON for machines, tables for people. Foreign text is made harmless for terminals."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any


class Output(StrEnum):
    """How to print."""

    table = "table"
    json = "json"


COLORS = {"Synced": "green", "Healthy": "green", "Succeeded": "green", "OutOfSync": "yellow", "Progressing": "blue"}
COLORS |= {"Degraded": "red", "Missing": "red", "Failed": "red", "Error": "red", "Unknown": "magenta"}


def as_json(value: Any) -> None:
    """Print a value as JSON."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def lines(texts: Iterable[str]) -> None:
    """Print lines as they are, made harmless."""
    sys.stdout.writelines(plain(text) + "\n" for text in texts)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table; known words are coloured on a terminal."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    shown = Table(*columns, box=SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        shown.add_row(*(Text(plain(cell), style=COLORS.get(cell, ""), overflow="fold") for cell in row))
    console = Console()
    if not console.is_terminal:  # for `grep` and `awk`: no line may be broken
        console.width = 1_000
    console.print(shown)


def plain(text: str) -> str:
    """Without control characters: messages come from charts and hosts, and could move the cursor or set the title."""
    return "".join(sign if sign.isprintable() else " " for sign in text)


def row_of(application: Mapping[str, Any]) -> tuple[str, str, str, str, str, str]:
    """Namespace, name, sync, health, revision, message."""
    metadata, status = application.get("metadata") or {}, application.get("status") or {}
    sync, health = status.get("sync") or {}, status.get("health") or {}
    revision = str(sync.get("revision") or ",".join(sync.get("revisions") or ()))
    return (
        str(metadata.get("namespace", "")),
        str(metadata.get("name", "")),
        str(sync.get("status") or "Unknown"),
        str(health.get("status") or "Unknown"),
        revision[:12],
        message_of(status),
    )


def message_of(status: Mapping[str, Any]) -> str:
    """What stands in the way, else what the last operation said."""
    conditions = [each.get("message") for each in status.get("conditions") or () if "Error" in str(each.get("type"))]
    found = conditions[0] if conditions else (status.get("operationState") or {}).get("message")
    return str(found or "")[:300]
