"""One repository as the stages see it: what its refs are, which commit a revision is, and the files of a commit.

Asks the bare copy (jobs/mirror_copy.py) and keeps what cannot change: a commit's tree. Decisions are in jobs/core.
"""

import asyncio
import io
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from git import Repo

from jobs.coalesce import Coalesced
from jobs.core.errors import FetchError, shortened
from jobs.core.revision import OURS, Resolved, Snapshot, Unlisted, is_commit_id, resolve, shown
from jobs.core.tree import EXECUTABLE, Entry, Tree, changed, parsed
from jobs.git import ENVIRONMENT
from jobs.git_objects import Object, TooLarge, Unreadable
from jobs.mirror_copy import Copy
from jobs.tree_cache import TreeCache

_COMMIT_BYTES = 1_000_000
_SUBJECT, _PERSON = 200, 200
"""Characters kept of a commit's first line and of a name."""


@dataclass(frozen=True, slots=True)
class CommitInfo:
    """Who made a commit, when, and why, for status and pages."""

    revision: str
    author: str
    """Name and address, cut."""
    committed_at: datetime
    subject: str
    """First line of the message, cut."""


class Mirror:
    """One repository. max_bytes: most that the files of one question may hold together."""

    def __init__(self, copy: Copy, trees: TreeCache, max_bytes: int) -> None:
        self.copy = copy
        self._trees = trees
        self._key = str(copy.folder)
        self._max_bytes = max_bytes
        self._refresh = Coalesced(copy.refresh)
        self.latest: Snapshot | None = None
        """The refs as they were last fetched by this process; None: not yet."""
        self._parsing = asyncio.Lock()

    async def refresh(self) -> Snapshot:
        """Fetch; the refs as they were at some moment after the call. Callers at the same time share one fetch.

        Raises FetchError with the repository and Git's words.
        """
        self.latest = await self._refresh()
        return self.latest

    async def remote_refs(self) -> Snapshot:
        """The refs as the host lists them, without a fetch: cheap, for sweeps. Raises FetchError."""
        return await self.copy.remote_refs()

    async def resolve(self, target_revision: str, snapshot: Snapshot, tag_prefix: str = "") -> Resolved:
        """The commit of a targetRevision (rule: jobs/core/revision.py). May fetch a commit or ref that no branch or tag
        leads to. Raises FetchError naming repository and revision.
        """
        found = resolve(target_revision, snapshot, tag_prefix)
        if isinstance(found, Resolved):
            return found
        return Resolved((await self._unlisted(found)).id, found.ref)

    async def tree(self, revision: str) -> Tree:
        """Everything in a commit, given by its full id. Raises FetchError, also when there is no such commit."""
        if tree := self._trees.of_commit(self._key, revision):
            return tree
        async with self._parsing:  # many applications ask for the same new commit at once
            if tree := self._trees.of_commit(self._key, revision):
                return tree
            commit = await self._commit(revision)
            root = commit.content[5 : commit.content.index(b"\n")].decode()  # its first line: "tree <id>"
            tree = await self._tree(root)
            self._trees.keep(self._key, revision, tree)
            return tree

    async def blobs(self, ids: Sequence[str]) -> dict[str, bytes]:
        """Contents by object id, for ids taken from a tree. Raises FetchError if they exceed the size limit."""
        wanted = list(dict.fromkeys(ids))
        try:
            found = await self._read(wanted, self._max_bytes)
        except Unreadable:
            found = [None]
        if None in found:
            self.copy.damaged = True
            raise self.copy.failed("the mirror has lost files of this commit; it is fetched anew at the next try")
        return {item.id: item.content for item in found if item}

    async def archive(self, revision: str, paths: Sequence[str]) -> bytes:
        """The given files and folders of a commit as a tar, by their full paths, symbolic links as such entries.

        Submodules are left out. Raises FetchError naming the first path that is not there, or the size limit.
        """
        tree = await self.tree(revision)
        entries: dict[str, Entry] = {}
        for path in paths:
            if tree.get(path) is None:
                raise self.copy.failed(f"there is no {shown(path)} at revision {revision}")
            entries |= tree.under(path)
        files = {path: entry for path, entry in sorted(entries.items()) if entry.type == "blob"}
        contents = await self.blobs([entry.id for entry in files.values()])
        return await asyncio.to_thread(_tar, files, contents)

    async def is_ancestor(self, revision: str, descendant: str) -> bool:
        """Whether one commit is the other or comes before it; False as well if the mirror does not have either."""
        if not (is_commit_id(revision) and is_commit_id(descendant)):
            return False
        if not (await self._peeled(revision) and await self._peeled(descendant)):
            return False
        if revision == descendant:
            return True
        answer = await self.copy.run("merge-base", "--is-ancestor", "--end-of-options", revision, descendant)
        if answer.code > 1:
            raise self.copy.failed(f"git merge-base: {answer.words}")
        return answer.code == 0

    async def commit_info(self, revision: str) -> CommitInfo:
        """Author, time and subject of a commit. Raises FetchError if there is no such commit."""
        await self._commit(revision)
        return await asyncio.to_thread(_commit_info, str(self.copy.folder), revision)

    async def tidy(self) -> None:
        """Keep the copy on disk small; for a sweep, now and then. Raises FetchError."""
        await self.copy.tidy()

    async def close(self) -> None:
        """End the process that reads objects; the next question starts another."""
        await self.copy.objects.close()

    async def _commit(self, revision: str) -> Object:
        """The commit of a full id; fetched if this worker does not have it yet."""
        if not is_commit_id(revision):
            raise self.copy.failed(f"{shown(revision)} is not a full commit id")
        return await self._unlisted(Unlisted(commit=revision))

    async def _unlisted(self, wanted: Unlisted) -> Object:
        if wanted.ref:
            target = f"{OURS}refs/{wanted.ref.removeprefix('refs/')}"
            if await self.copy.fetch_also(wanted.ref, target) and (commit := await self._peeled(target)):
                return commit
            raise self.copy.failed(f"there is no ref {shown(wanted.ref)}")
        if commit := await self._peeled(wanted.commit):
            return commit
        # Its branch may have moved since the last fetch; or no branch leads to it, and the host gives it by its id.
        await self.refresh()
        if commit := await self._peeled(wanted.commit):
            return commit
        target = f"{OURS}commits/{wanted.commit}"
        asked = is_commit_id(wanted.commit) and await self.copy.fetch_also(wanted.commit, target)
        if asked and (commit := await self._peeled(wanted.commit)):
            return commit
        raise self.copy.failed(f"there is no commit {shown(wanted.commit)}, or its first digits fit several")

    async def _peeled(self, name: str) -> Object | None:
        """The commit a checked name stands for, through annotated tags; None as well before the first fetch."""
        try:
            return (await self._read([f"{name}^{{commit}}"], _COMMIT_BYTES))[0]
        except Unreadable:
            self.copy.damaged = True
            return None

    async def _tree(self, root: str) -> Tree:
        base = self._trees.latest(self._key)
        if base and base.id == root:
            return base
        if base:  # what a push changed is little: 4 ms instead of 20 for 10,000 files
            options = ("-r", "-t", "-z", "--raw", "--no-renames", "--no-abbrev", "--end-of-options")
            answer = await self.copy.run("diff-tree", *options, base.id, root)
            if answer.code == 0:
                return changed(base, root, answer.output)
        answer = await self.copy.run("ls-tree", "-r", "-t", "-z", "--full-tree", "--end-of-options", root)
        if answer.code:
            self.copy.damaged = True
            raise self.copy.failed(f"git ls-tree: {answer.words}")
        return parsed(root, answer.output)

    async def _read(self, names: Sequence[str], max_bytes: int) -> list[Object | None]:
        try:
            return await self.copy.objects.read(names, max_bytes)
        except TooLarge:
            limit = f"{max_bytes / 1e6:g} MB (PILOTHOUSE_GIT_MAX_READ_MB)"
            raise self.copy.failed(f"the files asked for are larger than {limit}") from None
        except FetchError as error:
            raise self.copy.failed(error.message) from None


def _tar(files: Mapping[str, Entry], contents: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT, errors="surrogateescape") as archive:
        for path, entry in files.items():
            member = tarfile.TarInfo(path)
            member.mode = 0o755 if entry.mode == EXECUTABLE else 0o644
            content = contents[entry.id]
            if entry.is_symlink:
                member.type, member.linkname = tarfile.SYMTYPE, content.decode("utf-8", "surrogateescape")
                archive.addfile(member)
            else:
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def _commit_info(folder: str, revision: str) -> CommitInfo:
    """Blocking. One Repo per use, closed: it keeps git processes, and mixes up the answers of threads that share it."""
    with Repo(folder, expand_vars=False) as repository:
        # GitPython hands the worker's environment on, where a GIT_DIR would mean another repository.
        repository.git.update_environment(**ENVIRONMENT, GIT_DIR=folder, GIT_CONFIG_COUNT="0")
        commit = repository.commit(revision)
        message = commit.message if isinstance(commit.message, str) else commit.message.decode("utf-8", "replace")
        return CommitInfo(
            revision=revision,
            author=shortened(_plain(f"{commit.author.name} <{commit.author.email}>"), _PERSON),
            committed_at=commit.committed_datetime.astimezone(UTC),
            subject=shortened(_plain(message.split("\n", 1)[0]), _SUBJECT),
        )


def _plain(text: str) -> str:
    """Without control characters: it goes to terminals and pages."""
    return "".join(sign if sign.isprintable() else " " for sign in text).strip()
