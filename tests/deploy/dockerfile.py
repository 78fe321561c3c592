"""Reads the Dockerfile: its instructions, in order, by stage. As much of the language as our file uses."""

import re
from dataclasses import dataclass

from tests.deploy.rendering import ROOT

DOCKERFILE = ROOT / "Dockerfile"


@dataclass(frozen=True)
class Instruction:
    """One instruction with its lines joined; `stage` counts the FROM lines before it, 0 is before the first."""

    stage: int
    word: str
    text: str


def instructions() -> list[Instruction]:
    """All of the Dockerfile, comments left out."""
    lines = [line for line in DOCKERFILE.read_text().splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = re.sub(r"\s*\\\n\s*", " ", "\n".join(lines)).splitlines()
    found: list[Instruction] = []
    stage = 0
    for line in joined:
        word, _, text = line.partition(" ")
        stage += word == "FROM"
        found.append(Instruction(stage, word, text.strip()))
    return found


def texts(word: str, stage: int | None = None) -> list[str]:
    """The texts of one kind of instruction."""
    return [found.text for found in instructions() if found.word == word and stage in (None, found.stage)]


def environment(stage: int) -> dict[str, str]:
    """The variables that ENV sets in a stage."""
    pairs = [pair for text in texts("ENV", stage) for pair in text.split()]
    return dict(pair.split("=", 1) for pair in pairs)
