"""A developer's working copy: write files, commit, push, revert, by the real git. Nothing here knows a cluster."""

import asyncio
import os
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from collections.abc import Mapping
from pathlib import Path

ENVIRONMENT = {
    "PATH": os.environ.get("PATH", os.defpath),
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
    "NO_PROXY": "127.0.0.1",
}
Files = Mapping[str, str | None]
"""Path -> content; None: the file goes."""


class GitFailed(Exception):
    """A git command failed; the message is what it said."""


class WorkingCopy:
    """A bare repository `{root}/{name}.git` and a working copy of its branch `main`, pushed to by `url`."""

    def __init__(self, root: Path, name: str, url: str) -> None:
        self.bare, self.folder, self.url = root / f"{name}.git", root / f"{name}-work", url

    async def create(self) -> None:
        """Make both; neither may be there yet."""
        self.folder.mkdir(parents=True)
        await git(self.folder, "init", "-q", "--bare", "--initial-branch=main", str(self.bare))
        await git(self.folder, "init", "-q", "--initial-branch=main")
        await git(self.folder, "remote", "add", "origin", self.url)

    async def git(self, *arguments: str) -> str:
        """Run git in the working copy; its output without blanks around it. Raises GitFailed."""
        return await git(self.folder, *arguments)

    def write(self, files: Files) -> None:
        """Put files into the working copy."""
        for path, content in files.items():
            file = self.folder / path
            if content is None:
                file.unlink()
                continue
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)

    async def commit(self, files: Files, message: str) -> str:
        """Write files and commit everything; the commit's id. An empty commit is one too."""
        self.write(files)
        await self.git("add", "--all", "--force")
        await self.git("commit", "-q", "--allow-empty", "-m", message)
        return await self.head()

    async def revert(self, revision: str = "HEAD") -> str:
        """`git revert`; the new commit's id."""
        await self.git("revert", "--no-edit", revision)
        return await self.head()

    async def push(self, *options: str, branch: str = "main") -> None:
        """Push the working copy's commit to a branch; `--force` is an option."""
        await self.git("push", "-q", *options, "origin", f"HEAD:refs/heads/{branch}")

    async def head(self) -> str:
        """The id of the working copy's commit."""
        return await self.git("rev-parse", "HEAD")


async def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder with a clean environment; its output without blanks around it. Raises GitFailed."""
    environment = {**ENVIRONMENT, "HOME": str(folder)}
    process = await asyncio.create_subprocess_exec(
        "git", *arguments, cwd=folder, env=environment, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT
    )
    try:
        output, _ = await process.communicate()
    except BaseException:
        if process.returncode is None:
            process.kill()
        await process.wait()
        raise
    if process.returncode:
        raise GitFailed(f"git {' '.join(arguments)}: {output.decode(errors='replace').strip()}")
    return output.decode().strip()
