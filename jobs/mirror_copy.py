"""The bare copy of one repository on disk, kept equal to its host: fetched, healed, made anew. Never checked out.

Several processes share the folder: one lock per copy is held by whoever writes. What is read from the copy is the
business of jobs/mirror.py.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from jobs.core.credentials import Credentials
from jobs.core.errors import FetchError
from jobs.core.revision import HEAD_COPY, HEADS, LISTING, TAGS, Snapshot, local_refs, remote_refs
from jobs.flock import Held, StillLocked, locked
from jobs.git import Answer, Git
from jobs.git_access import access
from jobs.git_objects import Objects, TooLarge, Unreadable

_BRANCHES_AND_TAGS = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
_FETCH = (
    "fetch",
    "--quiet",
    "--no-tags",
    "--no-write-fetch-head",
    "--no-auto-maintenance",
    "--no-recurse-submodules",
    "--no-show-forced-updates",
)
_LISTED = (HEADS, TAGS, HEAD_COPY)
_TAG_BYTES = 10_000_000
_MANY_PACKS = 50
_LOCK_WAITS = 3
"""How many times the longest time of a command somebody else may hold the lock."""


@dataclass
class Copy:
    """A repository's copy. url: as Git gets it, checked, without a password."""

    git: Git
    url: str
    name: str
    """The repository's name, for messages."""
    folder: Path
    """The bare repository; beside it lie its lock and, for moments, its successor."""
    private: Path
    """Where keys and certificates lie while Git runs."""
    credentials: Credentials = field(default_factory=Credentials)
    damaged: bool = False
    """Something that must be there could not be read: the next fetch makes the copy anew."""
    _was_there: bool = False
    _branch: str = ""
    """The default branch as last heard of; the copy's own HEAD remembers it for other processes."""
    _branch_asked_at: str = ""

    def __post_init__(self) -> None:
        self.objects = Objects(self.git, self.folder)

    async def refresh(self) -> Snapshot:
        """Fetch all branches and tags, forget those that are gone; the refs as they are now.

        Raises FetchError with the repository's name and Git's words.
        """
        async with self._alone() as held, self._reached() as env:
            await self._update(env, held)
            snapshot = await self._refs()
            if snapshot.head and not snapshot.default_branch and snapshot.head != self._branch_asked_at:
                snapshot = await self._with_default_branch(snapshot, env)
            return snapshot

    async def remote_refs(self) -> Snapshot:
        """The refs as the host lists them, without fetching anything. Raises FetchError."""
        async with self._reached() as env:
            return await self._listed(env, "HEAD", *(spec.split(":")[1] for spec in _BRANCHES_AND_TAGS))

    async def fetch_also(self, source: str, target: str) -> bool:
        """Fetch one more commit or ref into a ref of our own; whether the host gave it. Both names are checked ones."""
        async with self._alone() as held, self._reached() as env:
            return (await self._fetch(self.folder, (f"+{source}:{target}",), env, held)).code == 0

    async def run(self, *arguments: str) -> Answer:
        """One local git command on the copy, e.g. `ls-tree`. Raises FetchError on a time-out or too much output."""
        try:
            return await self.git.run((f"--git-dir={self.folder}", *arguments))
        except FetchError as error:
            raise self.failed(error.message) from None

    async def tidy(self) -> None:
        """Join the packs of many fetches, if they are many: every fetch leaves one, and a look-up goes through all.

        Raises FetchError.
        """
        if await asyncio.to_thread(_packs, self.folder) <= _MANY_PACKS:
            return
        async with self._alone() as held:
            # Small ones are joined, large ones stay: a large repository is not written anew for every few pushes.
            command = ("repack", "-d", "-q", "--geometric=2")
            answer = await self._asked((f"--git-dir={self.folder}", *command), {}, held)
            if answer.code:
                raise self.failed(f"git repack: {answer.words}")

    def failed(self, words: str) -> FetchError:
        """The error for this repository."""
        return FetchError(f"{self.name}: {words}")

    def _reached(self) -> AbstractAsyncContextManager[dict[str, str]]:
        """The environment in which Git reaches the host."""
        return access(self.url, self.credentials, self.private)

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[Held]:
        """The right to write. What a killed or failed predecessor left in the way is gone."""
        wait_s = self.git.timeout_s * _LOCK_WAITS
        try:
            async with locked(self.folder.with_suffix(".lock"), wait_s) as held:
                if held.interrupted:
                    await asyncio.to_thread(_clear, self.folder)
                yield held
        except StillLocked:
            raise self.failed(f"another worker has been fetching for more than {wait_s:g} s") from None

    async def _update(self, env: dict[str, str], held: Held) -> None:
        if self.damaged or (not self._was_there and not await asyncio.to_thread((self.folder / "HEAD").exists)):
            return await self._make_anew(env, held)
        self._was_there = True
        answer = await self._fetch_all(self.folder, env, held)
        if answer.code == 0:
            return None
        # Is the fault on the other side? Else it is in our copy, and a new one helps.
        await self._listed(env, "HEAD")
        return await self._make_anew(env, held)

    async def _make_anew(self, env: dict[str, str], held: Held) -> None:
        """Fetch into a new folder, then put it in the place of the old one, which serves readers until then."""
        new, old = self.folder.with_suffix(".new"), self.folder.with_suffix(".old")
        answer = await self._first_fetch(new, "sha1", env, held)
        if answer.code and "server sha256" in answer.words:
            answer = await self._first_fetch(new, "sha256", env, held)
        if answer.code:
            await asyncio.to_thread(shutil.rmtree, new, ignore_errors=True)
            raise self.failed(f"git fetch: {answer.words}")
        await asyncio.to_thread(_replace, self.folder, new, old)
        await self.objects.close()
        self.damaged = False

    async def _first_fetch(self, folder: Path, object_format: str, env: dict[str, str], held: Held) -> Answer:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        # Without a template there are no sample hooks either.
        options = ("--quiet", "--bare", "--template=", "--initial-branch=main", f"--object-format={object_format}")
        made = await self.git.run(("init", *options, str(folder)), held=(held.descriptor,))
        return made if made.code else await self._fetch_all(folder, env, held)

    async def _fetch_all(self, folder: Path, env: dict[str, str], held: Held) -> Answer:
        """Branches, tags, and HEAD's commit in the same breath, so that they belong together."""
        answer = await self._fetch(folder, (*_BRANCHES_AND_TAGS, f"+HEAD:{HEAD_COPY}"), env, held)
        if answer.code and "couldn't find remote ref HEAD" in answer.words:
            answer = await self._fetch(folder, _BRANCHES_AND_TAGS, env, held)
            await self.git.run((f"--git-dir={folder}", "update-ref", "-d", HEAD_COPY), held=(held.descriptor,))
        return answer

    async def _fetch(self, folder: Path, specs: Sequence[str], env: dict[str, str], held: Held) -> Answer:
        prune = ("--prune",) if specs[0] in _BRANCHES_AND_TAGS else ()
        command = (f"--git-dir={folder}", *_FETCH, *prune, "--end-of-options", self.url, *specs)
        return await self._asked(command, env, held)

    async def _listed(self, env: dict[str, str], *patterns: str) -> Snapshot:
        answer = await self._asked(("ls-remote", "--symref", "--end-of-options", self.url, *patterns), env)
        if answer.code:
            raise self.failed(f"git ls-remote: {answer.words}")
        return remote_refs(answer.output.decode("utf-8", "surrogateescape"), self.name)

    async def _asked(self, command: Sequence[str], env: dict[str, str], held: Held | None = None) -> Answer:
        descriptors = (held.descriptor,) if held else ()
        try:
            return await self.git.run(command, env=env, credentials=self.credentials, held=descriptors)
        except FetchError as error:
            raise self.failed(error.message) from None

    async def _refs(self) -> Snapshot:
        """The copy's refs by one command; a tag of a tag takes a question more."""
        answer = await self.run("for-each-ref", f"--format={LISTING}", *_LISTED)
        if answer.code:
            raise self.failed(f"git for-each-ref: {answer.words}")
        refs, nested = local_refs(answer.output.decode("utf-8", "surrogateescape"))
        if nested:
            refs |= await self._innermost(nested)
        head = refs.pop(HEAD_COPY, "")
        if not self._branch:
            self._branch = (await asyncio.to_thread(_first_line, self.folder / "HEAD")).removeprefix("ref: ")
        return Snapshot(self.name, refs, head, self._branch if head and refs.get(self._branch) == head else "")

    async def _innermost(self, tags: Mapping[str, str]) -> dict[str, str]:
        """Commit id by ref, for tags of tags; those that end at no commit are left out."""
        try:
            found = await self.objects.read([f"{tag}^{{commit}}" for tag in tags.values()], max_bytes=_TAG_BYTES)
        except (Unreadable, TooLarge):
            raise self.failed("its tags of tags cannot be read") from None
        return {name: commit.id for name, commit in zip(tags, found, strict=True) if commit}

    async def _with_default_branch(self, snapshot: Snapshot, env: dict[str, str]) -> Snapshot:
        """The snapshot with the branch that HEAD points to now, asked of the host once per commit, and remembered."""
        self._branch_asked_at = snapshot.head
        branch = (await self._listed(env, "HEAD")).default_branch
        if not branch.startswith(HEADS):
            return snapshot
        await self.run("symbolic-ref", "HEAD", branch)
        self._branch = branch
        return replace(snapshot, default_branch=branch)


def _first_line(file: Path) -> str:
    with file.open() as lines:
        return lines.readline().strip()


def _packs(folder: Path) -> int:
    return sum(1 for _ in folder.glob("objects/pack/*.pack"))


def _clear(folder: Path) -> None:
    """Delete what a killed git leaves in the way. Only while holding the lock: then nothing of it is in use."""
    old = folder.with_suffix(".old")
    if old.exists() and not folder.exists():
        old.rename(folder)  # killed between the two renames of _replace
    shutil.rmtree(folder.with_suffix(".new"), ignore_errors=True)
    shutil.rmtree(old, ignore_errors=True)
    # No ref ends in `.lock`, but a branch may well begin with `tmp_`.
    for left in [*folder.rglob("*.lock"), *(folder / "objects").rglob("tmp_*")]:
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)


def _replace(folder: Path, new: Path, old: Path) -> None:
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    new.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
