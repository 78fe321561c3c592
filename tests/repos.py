"""A repository to push to, for tests: made with the real git, changed as a developer would."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

ENVIRONMENT = {
    "PATH": os.environ.get("PATH", os.defpath),
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
}
DELETED = None
"""As the content of a file: it goes."""


class Repo:
    """A bare repository `{root}/{name}.git` and a working copy beside it, both on the branch `main`.

    Blocking: from a coroutine, call its methods as they are (a few ms each) or through asyncio.to_thread.
    """

    def __init__(self, root: Path, name: str = "shop", *, object_format: str = "sha1") -> None:
        self.bare = root / f"{name}.git"
        self.work = root / f"{name}-work"
        self.name = name
        root.mkdir(parents=True, exist_ok=True)
        git(root, "init", "-q", "--bare", "--initial-branch=main", f"--object-format={object_format}", str(self.bare))
        git(root, "init", "-q", "--initial-branch=main", f"--object-format={object_format}", str(self.work))
        git(self.work, "remote", "add", "origin", str(self.bare))

    def write(self, files: Mapping[str, str | bytes | None]) -> None:
        """Put files into the working copy; None deletes one."""
        for path, content in files.items():
            file = self.work / path
            if content is None:
                file.unlink()
                continue
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content.encode() if isinstance(content, str) else content)

    def symlink(self, path: str, target: str) -> None:
        """Put a symbolic link into the working copy, whatever it points to."""
        link = self.work / path
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(target)

    def commit(self, files: Mapping[str, str | bytes | None] | None = None, message: str = "Change") -> str:
        """Write files, commit everything; the commit's id. An empty commit is one too."""
        self.write(files or {})
        self.git("add", "--all", "--force")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.head()

    def push(
        self, files: Mapping[str, str | bytes | None] | None = None, message: str = "Change", *, branch: str = "main"
    ) -> str:
        """Commit files if there are any, push the working copy's tip to a branch; the commit's id."""
        revision = self.commit(files, message) if files else self.head()
        self.git("push", "-q", "origin", f"HEAD:refs/heads/{branch}")
        return revision

    def force_push(self, files: Mapping[str, str | bytes | None], *, branch: str = "main", back: int = 1) -> str:
        """Drop the last `back` commits, commit files instead, push by force; the new commit's id."""
        self.git("reset", "-q", "--hard", f"HEAD~{back}")
        revision = self.commit(files, "Another history")
        self.git("push", "-q", "--force", "origin", f"HEAD:refs/heads/{branch}")
        return revision

    def revert(self, revision: str = "HEAD", *, branch: str = "main") -> str:
        """`git revert` and push; the new commit's id."""
        self.git("revert", "--no-edit", revision)
        return self.push(branch=branch)

    def tag(self, name: str, revision: str = "HEAD", *, annotated: bool = False) -> str:
        """Create and push a tag; the id of the commit it stands for."""
        self.git("tag", *(("-a", "-m", name) if annotated else ()), name, revision)
        self.git("push", "-q", "origin", f"refs/tags/{name}")
        return self.git("rev-parse", f"{name}^{{commit}}")

    def delete_branch(self, name: str) -> None:
        """Delete a branch of the bare repository."""
        git(self.bare, "update-ref", "-d", f"refs/heads/{name}")

    def delete_tag(self, name: str) -> None:
        """Delete a tag on both sides."""
        self.git("tag", "-d", name)
        git(self.bare, "update-ref", "-d", f"refs/tags/{name}")

    def default_branch(self, name: str) -> None:
        """Point HEAD of the bare repository at a branch."""
        git(self.bare, "symbolic-ref", "HEAD", f"refs/heads/{name}")

    def head(self) -> str:
        """The id of the working copy's commit."""
        return self.git("rev-parse", "HEAD")

    def git(self, *arguments: str) -> str:
        """Run git in the working copy; its output without the last newline. Fails the test if git fails."""
        return git(self.work, *arguments)


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder with a clean environment; its output without the last newline."""
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env={**ENVIRONMENT, "HOME": str(folder)}, capture_output=True, text=True
    )
    assert done.returncode == 0, f"git {' '.join(arguments)}: {done.stderr}"
    return done.stdout.rstrip("\n")
