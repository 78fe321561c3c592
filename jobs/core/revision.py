"""Which commit a targetRevision stands for, given a repository's refs. Decides; asking Git is jobs/mirror.py's.

The rule, fixed, in this order (a branch and a tag of one name never alternate):
1. empty or `HEAD`: the default branch;  2. `refs/...`: that ref;  3. a full commit id: that commit, even if a ref has
this name;  4. a version range that holds a tag: its highest tag;  5. a branch;  6. a tag;  7. at least 7 hexadecimal
digits: the commit they begin. 4 before 5 is Argo CD's order: `1.x` is a range also where a branch has this name.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from jobs.core.errors import FetchError
from jobs.core.semver_range import best, range_of

HEADS = "refs/heads/"
TAGS = "refs/tags/"
OURS = "refs/pilothouse/"
"""Refs that a mirror keeps for itself; never a source's."""
HEAD_COPY = "refs/pilothouse/HEAD"
"""Where a mirror keeps the commit of the remote's HEAD."""

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_ABBREVIATED = re.compile(r"[0-9a-f]{7,63}")
_REF = re.compile(r"refs(/[A-Za-z0-9_@+=,#%][A-Za-z0-9_@+=,#%.-]*)+")
_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The branches and tags of a repository at one moment."""

    repository: str
    """Its name, for messages."""
    refs: Mapping[str, str] = field(default_factory=dict)
    """Commit id by full name, `refs/heads/...` and `refs/tags/...`; tags are peeled to their commits."""
    head: str = ""
    """Commit id of HEAD; empty: the repository has none (yet)."""
    default_branch: str = ""
    """Full name of the branch HEAD points to; empty if that is not known, e.g. it is detached."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a targetRevision stands for."""

    revision: str
    """Full commit id."""
    ref: str = ""
    """Full name of the ref it was taken from; empty for a commit id."""
    ambiguous: bool = False
    """Another ref has the same short name; the rule above chose."""


@dataclass(frozen=True, slots=True)
class Unlisted:
    """A name that the refs don't answer: only the mirror, or the host, knows whether it is there."""

    commit: str = ""
    """A commit id in full or abbreviated, hexadecimal."""
    ref: str = ""
    """A full ref name outside of branches and tags, e.g. `refs/pull/1/head`; safe to give to Git."""


def resolve(target_revision: str, snapshot: Snapshot, tag_prefix: str = "") -> Resolved | Unlisted:
    """The commit by the rule above, or what is left to ask. tag_prefix: only tags that begin so are versions.

    Raises FetchError naming the repository and the revision when there is none.
    """
    if target_revision in ("", "HEAD"):
        return _default(snapshot)
    if target_revision.startswith("refs/"):
        return _full(target_revision, snapshot)
    if is_commit_id(target_revision):
        return Unlisted(commit=target_revision.lower())
    if found := _ranged(target_revision, snapshot, tag_prefix) or _named(target_revision, snapshot):
        return found
    if _ABBREVIATED.fullmatch(target_revision.lower()):
        return Unlisted(commit=target_revision.lower())
    if range_of(target_revision):
        among = f" among those that begin with {tag_prefix!r}" if tag_prefix else ""
        raise FetchError(f"{snapshot.repository} has no tag in the range {shown(target_revision)}{among}")
    raise FetchError(f"{snapshot.repository} has no branch, tag or commit {shown(target_revision)}")


def is_commit_id(text: str) -> bool:
    """Whether the text is a full commit id (SHA-1 or SHA-256)."""
    return bool(_COMMIT.fullmatch(text.lower()))


def shown(text: str) -> str:
    """A hostile name for a message: quoted, escaped, cut."""
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")


def _default(snapshot: Snapshot) -> Resolved:
    if not snapshot.head:
        raise FetchError(f"{snapshot.repository} has no default branch: it is empty, or its HEAD points nowhere")
    return Resolved(snapshot.head, snapshot.default_branch or "HEAD")


def _full(ref: str, snapshot: Snapshot) -> Resolved | Unlisted:
    if ref in snapshot.refs:
        return Resolved(snapshot.refs[ref], ref)
    if ref.startswith((HEADS, TAGS)):
        kind = "branch" if ref.startswith(HEADS) else "tag"
        raise FetchError(f"{snapshot.repository} has no {kind} {shown(ref)}")
    # Given to Git as an argument and as a file name of the mirror, so it may be nothing but a plain name.
    if not _REF.fullmatch(ref) or ".." in ref or ref.endswith((".lock", ".")) or ref.startswith(OURS):
        raise FetchError(f"{shown(ref)} is not the name of a ref of {snapshot.repository}")
    return Unlisted(ref=ref)


def _ranged(target_revision: str, snapshot: Snapshot, tag_prefix: str) -> Resolved | None:
    prefix = TAGS + tag_prefix
    tag = best(target_revision, (ref.removeprefix(prefix) for ref in snapshot.refs if ref.startswith(prefix)))
    if tag is None:
        return None
    literal = {HEADS + target_revision, TAGS + target_revision} & snapshot.refs.keys()
    return Resolved(snapshot.refs[prefix + tag], prefix + tag, ambiguous=bool(literal))


def _named(name: str, snapshot: Snapshot) -> Resolved | None:
    found = [ref for ref in (HEADS + name, TAGS + name) if ref in snapshot.refs]
    return Resolved(snapshot.refs[found[0]], found[0], ambiguous=len(found) > 1) if found else None


def remote_refs(listing: str, repository: str) -> Snapshot:
    """The snapshot in the output of `git ls-remote --symref`; lines that are none are passed over."""
    refs: dict[str, str] = {}
    head = default_branch = ""
    for line in listing.splitlines():
        value, _, name = line.partition("\t")
        if name == "HEAD":
            head, default_branch = (head, value[5:]) if value.startswith("ref: ") else (value, default_branch)
        elif name.startswith((HEADS, TAGS)):
            refs[name.removesuffix("^{}")] = value  # the peeled line follows the tag's own
    return Snapshot(repository, refs, head, default_branch)


LISTING = "%(refname) %(objectname) %(objecttype) %(*objectname) %(*objecttype)"
"""The format for `git for-each-ref` that `local_refs` reads."""


def local_refs(listing: str) -> tuple[dict[str, str], dict[str, str]]:
    """Commit id by ref, and of tags of tags the id of the inner one by ref; refs to no commit are left out."""
    refs: dict[str, str] = {}
    nested: dict[str, str] = {}
    for line in listing.splitlines():
        name, object_id, kind, inner_id, inner_kind = line.split(" ")
        if "commit" in (kind, inner_kind):
            refs[name] = object_id if kind == "commit" else inner_id
        elif inner_kind == "tag":
            nested[name] = inner_id
    return refs, nested
