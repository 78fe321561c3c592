"""What a comparison made of each live object, in a few bytes, so that a watch can tell drift from everything else.

A watch sees metadata alone. Status writes, scaling by an autoscaler and our own applies leave other traces in it than a
change of something that is ours. Facts about the API server (1.36): Secrets and ConfigMaps have no generation; an edit
of `data` under `stringData` leaves our field entry as it was; a list put in another order moves only the generation.
"""

from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, replace
from typing import Any

from jobs.core.fingerprint import digest
from jobs.core.inventory import MANAGER
from jobs.core.managed_fields import is_ours_to_take
from jobs.core.objects import ObjectId, metadata_of

SHORT = 16
"""Hexadecimal digits of a digest that are kept: two states of one object are compared, not millions."""
UNSURE = frozenset({"generation moved", "written"})
"""Suspicions that a look at the whole object may dispel."""


@dataclass(frozen=True, slots=True)
class Trace:
    """One state of a live object, by its metadata."""

    uid: str
    version: str
    """Its resourceVersion."""
    generation: int
    """-1: its kind has none."""
    ours: str
    """Digest of the field entries that are ours, or that we take over; whoever changes one of these fields moves it."""
    others: str
    """Digest of everybody else's entries, but for status and scale."""
    scale: str
    """Digest of the entries that the scale subresource wrote."""
    content: str
    """Digest of all but metadata, status and the number of replicas; empty: only the metadata was seen, or a Secret."""
    leaving: bool
    """Whether it has a deletionTimestamp."""


Traces = Mapping[ObjectId, Trace]


def trace_of(live: Mapping[str, Any]) -> Trace:
    """The trace of a whole object or of its metadata alone."""
    metadata = metadata_of(live)
    ours, others, scale = [], [], []
    for entry in metadata.get("managedFields") or ():
        subresource = entry.get("subresource")
        if is_ours_to_take(entry, MANAGER):
            ours.append(entry)
        elif subresource == "scale":
            scale.append(entry)
        elif subresource != "status":
            others.append(entry)
    generation = metadata.get("generation")
    return Trace(
        uid=str(metadata.get("uid") or ""),
        version=str(metadata.get("resourceVersion") or ""),
        generation=generation if isinstance(generation, int) else -1,
        ours=_short(ours),
        others=_short(others),
        scale=_short(scale),
        content=_short(_content(live)),
        leaving=bool(metadata.get("deletionTimestamp")),
    )


def suspicion(judged: Trace | None, now: Trace, *, gone: bool = False) -> str:
    """Why an object must be compared, given how it was when it was last judged; empty: nothing of ours has changed.

    judged: None: it never was, or was not there. gone: it is no more, or has lost our label; now: as it was last.
    """
    if judged is None:
        return "" if gone else "unknown"
    if is_older(now, judged):
        return ""
    if gone:
        return "gone" if now.uid == judged.uid else ""  # else we deleted that one, and made it anew
    if now.uid != judged.uid:
        return "replaced"
    if now.leaving and not judged.leaving:
        return "being deleted"
    return "fields changed" if now.ours != judged.ours else _moved(judged, now)


def missing(judged: Trace, version: str) -> Trace:
    """What a list of this resourceVersion, which lacks the object, says of it; if that is an older one: nothing."""
    return replace(judged, version=version)


def is_as_judged(judged: Trace, now: Trace) -> bool:
    """Whether a whole object of which one is UNSURE differs in nothing but its status and its number of replicas.

    Scaling an object whose `replicas` nobody owns leaves no trace but the generation, as an autoscaler does for a
    Deployment whose manifest has none. Who scales one whose `replicas` are ours takes them away from us, which shows.
    """
    return bool(now.content) and now.content == judged.content and now.uid == judged.uid and now.ours == judged.ours


def is_older(now: Trace, judged: Trace) -> bool:
    """Whether a state says nothing new. An event may come late; resourceVersions of one object are numbers that grow.

    https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions
    """
    if not (now.version.isdecimal() and judged.version.isdecimal()):
        return now.version == judged.version
    return int(now.version) <= int(judged.version)


def newest(one: Trace, other: Trace | None) -> Trace:
    """The later of two states of an object. other: None: there is only one."""
    return other if other and is_older(one, other) else one


def as_data(traces: Traces) -> list[list[Any]]:
    """The traces as plain data for JSON."""
    return [[*astuple(target), *astuple(trace)] for target, trace in traces.items()]


def from_data(data: Iterable[list[Any]]) -> dict[ObjectId, Trace]:
    """The inverse of as_data. Raises TypeError or ValueError when another version of Pilothouse wrote it."""
    return {ObjectId(*entry[:4]): Trace(*entry[4:]) for entry in data}


def _moved(judged: Trace, now: Trace) -> str:
    if now.generation < 0:
        return "written"  # a status, or what an edit leaves without a trace: `data` under `stringData`, another order
    scaled = now.generation == judged.generation + 1 and now.scale != judged.scale and now.others == judged.others
    return "" if scaled or now.generation == judged.generation else "generation moved"


def _content(live: Mapping[str, Any]) -> dict[str, Any]:
    if live.get("kind") == "Secret":
        return {}  # what is kept in Valkey must not help anybody to guess a password
    kept = {key: value for key, value in live.items() if key not in ("apiVersion", "kind", "metadata", "status")}
    spec = kept.get("spec")
    if isinstance(spec, Mapping):
        kept["spec"] = {key: value for key, value in spec.items() if key != "replicas"}
    return kept


def _short(value: Any) -> str:
    return digest(value).hex()[:SHORT] if value else ""
