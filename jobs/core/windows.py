"""Sync windows of an AppProject: whether a sync may begin, or go on, at some moment. The moment comes in.

No window for an Application: always. Windows that allow: only while one of them is open. Windows that deny: never while
one of them is. https://argo-cd.readthedocs.io/en/stable/user-guide/sync_windows/
"""

from collections.abc import Iterable
from dataclasses import dataclass

from jobs.core.application import Application
from jobs.core.cluster_secret import Cluster
from jobs.core.cron import Recurring, recurring
from jobs.core.errors import InvalidSpecError
from jobs.core.fields import Fields
from jobs.core.glob import GlobError, TextGlob, text_glob
from jobs.core.moment import Moment
from jobs.core.sync_policy import duration_s

ALLOW, DENY = "allow", "deny"
MAX_CHANGES = 50
"""Changes of windows looked through for the next moment at which a sync may begin."""

Globs = tuple[TextGlob, ...]


@dataclass(frozen=True, slots=True)
class Window:
    """One entry of `spec.syncWindows`."""

    kind: str
    """`allow` or `deny`."""
    times: Recurring
    words: str
    """What it is, for messages."""
    applications: Globs
    namespaces: Globs
    clusters: Globs
    every: bool
    """Whether all of the lists that are there must match, and not only one (`andOperator`)."""
    manual: bool
    """Whether a sync that a person asks for passes."""
    overrun: bool
    """Whether a sync that began when it might goes on."""

    def concerns(self, application: Application, cluster: Cluster) -> bool:
        """Whether it is about this Application; a cluster is meant by each of its names, however that is written."""
        destination = application.destination
        wanted = (
            (self.applications, {application.name}),
            (self.namespaces, {destination.namespace}),
            (self.clusters, cluster.names),
        )
        found = [any(glob.matches(text) for glob in globs for text in texts) for globs, texts in wanted if globs]
        return (all(found) if self.every else any(found)) and bool(found)


@dataclass(frozen=True, slots=True)
class Wish:
    """The sync that is to begin or to go on."""

    manual: bool
    """Whether a person asked for it."""
    began_at: Moment | None = None
    """When it began, if it runs already."""


@dataclass(frozen=True, slots=True)
class Closed:
    """Windows that keep a sync back."""

    windows: tuple[Window, ...]
    opens_at: Moment | None
    """When a sync that nobody asked for may begin; None: not in sight."""

    def __str__(self) -> str:
        """Which windows, and until when."""
        named = ", ".join(window.words for window in self.windows)
        denied = self.windows[0].kind == DENY
        said = f"{named} {'keeps' if len(self.windows) == 1 else 'keep'} syncs back" if denied else f"outside {named}"
        return f"{said}; they may begin at {self.opens_at}" if self.opens_at else f"{said}, with no end in sight"


def windows_of(spec: Fields, application: Application, cluster: Cluster) -> tuple[Window, ...]:
    """The project's windows for an Application. Raises InvalidSpecError naming the first entry that makes no sense.

    One that can't be read may be the one that denies, so it is not skipped, whomever it is about.
    """
    windows = [_window(entry) for entry in spec.each("syncWindows")]
    return tuple(window for window in windows if window.concerns(application, cluster))


def closed(windows: Iterable[Window], wish: Wish, at: Moment) -> Closed | None:
    """What keeps the sync from beginning or going on; None: nothing does."""
    given = tuple(windows)
    found = _in_the_way(given, wish, at)
    return Closed(found, _opens_at(given, at)) if found else None


def _in_the_way(windows: tuple[Window, ...], wish: Wish, at: Moment) -> tuple[Window, ...]:
    open_now = [window for window in windows if window.times.is_open(at)]
    found = tuple(window for window in open_now if window.kind == DENY)
    if not found and not open_now:
        found = tuple(window for window in windows if window.kind == ALLOW)
    # Every window has to let it pass: the strictest counts.
    if wish.manual and all(window.manual for window in found):
        return ()
    if wish.began_at is None or not all(window.overrun for window in found):
        return found
    # A sync that runs, but might not begin when it did, has nothing to go on with.
    return found if _in_the_way(windows, Wish(wish.manual), wish.began_at) else ()


def _opens_at(windows: tuple[Window, ...], at: Moment) -> Moment | None:
    moment = at
    for _ in range(MAX_CHANGES):
        changes = [change for window in windows if (change := window.times.changes_at(moment))]
        if not changes:
            return None
        moment = min(changes)
        if not _in_the_way(windows, Wish(manual=False), moment):
            return moment
    return None


def _window(entry: Fields) -> Window:
    kind, schedule, zone = entry.text("kind"), entry.text("schedule"), entry.text("timeZone")
    length_s = duration_s(entry, "duration", 0.0)
    if kind not in (ALLOW, DENY):
        raise InvalidSpecError(f"{entry.at('kind')} must be {ALLOW} or {DENY}")
    if length_s <= 0:
        raise InvalidSpecError(f"{entry.at('duration')} must be a duration such as 1h30m")
    try:
        times = recurring(schedule, zone, length_s)
    except ValueError as error:
        raise InvalidSpecError(f"{entry.path}: {error}") from None
    return Window(
        kind,
        times,
        f"the {kind} window '{schedule}' ({entry.text('duration')}, {zone or 'UTC'})",
        applications=_globs(entry, "applications"),
        namespaces=_globs(entry, "namespaces"),
        clusters=_globs(entry, "clusters"),
        every=entry.flag("andOperator"),
        manual=entry.flag("manualSync"),
        overrun=entry.flag("syncOverrun"),
    )


def _globs(entry: Fields, name: str) -> Globs:
    try:
        return tuple(text_glob(pattern) for pattern in entry.texts(name))
    except GlobError as error:
        raise InvalidSpecError(f"{entry.at(name)}: {error}") from None
