"""The shapes a delivery passes through: as it came in, as the push it tells of, or as something to ignore."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_REVISION = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_FOLDERS = {"branch": "refs/heads/", "tag": "refs/tags/", "annotated_tag": "refs/tags/"}
MAX_REF = 500
"""Characters; Git hosts stop at 255 bytes a part."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One POST of a Git host, unverified."""

    headers: Mapping[str, str] = field(repr=False)
    """By lower-case name; a header sent twice counts as first sent. Not in the repr: it may hold a token."""
    body: bytes = field(repr=False)
    """The bytes that were signed."""
    received_at: float = field(default=0.0, repr=False)
    """Unix time in seconds. 0: not known, and then no signature that holds a time is believed."""

    def header(self, name: str) -> str:
        """A header's value without blanks around it; empty if absent."""
        return self.headers.get(name, "").strip()


@dataclass(frozen=True, slots=True)
class Change:
    """One ref that moved, was made or deleted. Hints only: what Git says later wins."""

    ref: str
    """Full name, e.g. `refs/heads/main`; empty if the host sent something else."""
    before: str
    after: str
    """Full commit ids; empty if the ref was made (before) or deleted (after), or the host doesn't say."""

    @property
    def deleted(self) -> bool:
        """Whether the ref is gone."""
        return not self.after

    @property
    def branch(self) -> bool:
        """Whether it is a branch, and not a tag or something else."""
        return self.ref.startswith("refs/heads/")


UNKNOWN = Change("", "", "")
"""What is told of a push whose host names no ref."""


@dataclass(frozen=True, slots=True)
class Push:
    """A verified push. File lists of a payload are not read: hosts cut them short."""

    urls: tuple[str, ...]
    """Every address of the repository in the payload, as written: web, https, ssh."""
    changes: tuple[Change, ...]
    """At least one; more where a host tells of several refs at once."""


@dataclass(frozen=True, slots=True)
class Ignored:
    """A verified delivery that marks nothing."""

    why: str
    ping: bool = False
    """Sent by the host to see whether somebody listens."""


def change_of(ref: object, before: object, after: object) -> Change:
    """A change from a payload's values; what is no ref or no full commit id becomes empty, never an error."""
    plain = isinstance(ref, str) and ref.startswith("refs/") and len(ref) <= MAX_REF and ref.isprintable()
    return Change(str(ref) if plain else "", _revision(before), _revision(after))


def ref_of(kind: object, name: object) -> str:
    """The full name of a ref, for hosts that tell kind and short name; empty for other kinds and odd names."""
    folder = _FOLDERS.get(kind, "") if isinstance(kind, str) else ""
    return f"{folder}{name}" if folder and isinstance(name, str) and name else ""


def _revision(value: object) -> str:
    """A full commit id. All zeros is how hosts write "none"."""
    known = isinstance(value, str) and _REVISION.fullmatch(value) and value.strip("0")
    return str(value) if known else ""
