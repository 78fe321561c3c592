"""Health scripts that people wrote: the keys of the ConfigMap that hold them, and which one fits a kind.

The keys are Argo CD's (https://argo-cd.readthedocs.io/en/stable/operator-manual/health/#custom-health-checks), in its
ConfigMap and in one of our own, which wins. The scripts run in the sandboxed renderers: judge.py.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from jobs.core.errors import InvalidSpecError
from jobs.core.fields import Fields
from jobs.core.fingerprint import digest
from jobs.core.glob import GlobError, TextGlob, text_glob

CONFIG_MAPS = ("argocd-cm", "pilothouse-cm")
"""Where they are looked for; the later one wins."""
LEGACY = "resource.customizations"
"""One key for all kinds, with YAML in it; only here a kind may have wildcards."""
HEALTH = f"{LEGACY}.health."
OPEN_LIBS = f"{LEGACY}.useOpenLibs."


@dataclass(frozen=True, slots=True)
class Script:
    """A health script."""

    text: str = field(repr=False)
    open_libs: bool = False
    """Whether it may use Lua's string, math, utf8 and coroutine libraries."""
    fingerprint: bytes = b""
    """Equal for scripts that say the same of every object."""

    @classmethod
    def of(cls, text: str, *, open_libs: bool) -> "Script":
        """A script with its fingerprint."""
        return cls(text, open_libs, digest([text, open_libs]))


@dataclass(frozen=True, slots=True)
class Scripts:
    """All scripts, by kind."""

    exact: Mapping[str, Script] = field(default_factory=dict)
    """`group/Kind`, or `Kind` in the core group."""
    wild: tuple[tuple[TextGlob, Script], ...] = ()
    """Patterns for `group/Kind`, the most specific first."""
    problems: tuple[str, ...] = ()
    """What could not be read, for a warning."""

    def of(self, group: str, kind: str) -> Script | None:
        """The script of a kind: its own, else the first pattern that fits. None: there is none."""
        key = f"{group}/{kind}" if group else kind
        return self.exact.get(key) or next((script for glob, script in self.wild if glob.matches(key)), None)

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.exact or self.wild)


def scripts_of(config_maps: Mapping[str, Mapping[str, str]], legacy: Mapping[str, Mapping[str, Any]]) -> Scripts:
    """The scripts in the data of the ConfigMaps, by name. legacy: the YAML of their LEGACY keys, by name, read."""
    found: dict[str, Script] = {}
    problems: list[str] = []
    for name in CONFIG_MAPS:
        place = f"ConfigMap {name}, {LEGACY}"
        found |= dict(_written_together(Fields(legacy.get(name, {}), place), problems))
        found |= dict(_by_keys(config_maps.get(name, {}), name, problems))
    wild: list[tuple[TextGlob, Script]] = []
    for pattern in sorted((key for key in found if _is_pattern(key)), key=lambda key: (-len(key), key)):
        try:
            wild.append((text_glob(pattern), found[pattern]))
        except GlobError as error:
            problems.append(f"{LEGACY}: {pattern} is no pattern: {error}")
    exact = {key: script for key, script in found.items() if not _is_pattern(key)}
    return Scripts(exact, tuple(wild), tuple(problems))


def _is_pattern(key: str) -> bool:
    return any(sign in key for sign in "*?[{")


def _by_keys(data: Mapping[str, str], name: str, problems: list[str]) -> Iterator[tuple[str, Script]]:
    """`resource.customizations.health.<group>_<Kind>`, or `.<Kind>` in the core group."""
    for key, text in data.items():
        if not key.startswith(HEALTH) or not text.strip():
            continue
        written = key.removeprefix(HEALTH)
        group, _, kind = written.rpartition("_")
        if "_" in group or not kind:
            problems.append(f"ConfigMap {name}: {key} must end with <group>_<Kind>, or with <Kind> for the core group")
            continue
        open_libs = data.get(OPEN_LIBS + written, "").strip().lower() == "true"
        yield f"{group}/{kind}" if group else kind, Script.of(text, open_libs=open_libs)


def _written_together(kinds: Fields, problems: list[str]) -> Iterator[tuple[str, Script]]:
    for key in kinds.values:
        try:
            about = kinds.inner(key)
            text, open_libs = about.text("health.lua"), about.flag("health.lua.useOpenLibs")
        except InvalidSpecError as error:
            problems.append(error.message)
            continue
        if text.strip():
            yield key, Script.of(text, open_libs=open_libs)
