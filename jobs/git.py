"""Runs git: clean environment, no hooks, no prompts, limits of time and output, and nothing left behind.

Every argument that comes from outside stands behind `--end-of-options`; the caller sees to that. Which command to run
and what its answer means is the business of jobs/mirror.py. Options: https://git-scm.com/docs/git-config
"""

import asyncio
import os
import shutil
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGKILL

from jobs.core.credentials import Credentials
from jobs.core.errors import FetchError
from jobs.core.git_words import explained
from jobs.settings import Settings

MAX_OUTPUT_BYTES = 64 * 1024 * 1024
"""Most that a listing may print: about half a million files."""
MAX_WORDS_BYTES = 64 * 1024
"""Most that is kept of what git says about an error; the rest is read and dropped."""
_CHUNK = 256 * 1024

_OPTIONS = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "protocol.ext.allow=never",
    "submodule.recurse=false",
    "fetch.fsckObjects=true",
    # Flaws that old but honest repositories have and that hurt nobody who only reads.
    "fetch.fsck.badTimezone=ignore",
    "fetch.fsck.missingSpaceBeforeDate=ignore",
    "fetch.fsck.zeroPaddedFilemode=ignore",
    # A mirror is a cache: what a power failure may cost is fetched again.
    "core.fsync=none",
    "gc.auto=0",
    "maintenance.auto=false",
    "http.followRedirects=false",
    "http.lowSpeedLimit=1000",
    "http.lowSpeedTime=20",
)
ENVIRONMENT = {
    "HOME": "/nonexistent",
    "LANG": "C.UTF-8",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
}
"""Nothing of the user's or the machine's configuration counts, nobody is asked anything, error texts are English."""
_PASSED_ON = ("http_proxy", "https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY")
"""Proxies of the worker's environment; the rest of it is not Git's business."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a git command left behind."""

    code: int
    output: bytes = field(repr=False)
    words: str
    """Its standard error, explained: no secrets, one line."""


class Git:
    """Starts git commands; one for the whole worker. timeout_s: longest time of one command, in seconds."""

    def __init__(self, settings: Settings, environment: Mapping[str, str] | None = None) -> None:
        given = os.environ if environment is None else environment
        self.timeout_s = settings.git_timeout_s
        self._environment = _clean(given) | {"GIT_ALLOW_PROTOCOL": ":".join(settings.git_protocols)}
        options = [part for option in _OPTIONS for part in ("-c", option)]
        self._command = ("git", *options)
        # A killed worker must take its writers along, else they and its successor would write the same mirror.
        setpriv = shutil.which("setpriv", path=self._environment["PATH"])
        self._mortal = (setpriv, "--pdeathsig", "KILL", *self._command) if setpriv else None

    async def run(
        self,
        arguments: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        credentials: Credentials | None = None,
        held: Sequence[int] = (),
        max_output_bytes: int = MAX_OUTPUT_BYTES,
    ) -> Answer:
        """Run one command to its end. env: added to the clean one. credentials: what to hide in its words.

        held: file descriptors of the locks under which the command writes. It dies with us; where the system cannot do
        that, it keeps them open, so that the locks last as long as it does.
        Raises FetchError when it takes too long or prints too much; on that and on cancellation every process of the
        command is killed first.
        """
        process = await self.start(arguments, env=env, held=held)
        try:
            async with asyncio.timeout(self.timeout_s):
                output, words = await asyncio.gather(
                    _read(process, process.stdout, max_output_bytes), _read(process, process.stderr, None)
                )
                code = await process.wait()
        except TimeoutError:
            await killed(process)
            raise FetchError(f"git {_verb(arguments)} took longer than {self.timeout_s:g} s") from None
        except BaseException:
            await killed(process)
            raise
        if len(output) > max_output_bytes:
            raise FetchError(f"git {_verb(arguments)} gave more than {max_output_bytes // 1024 // 1024} MB")
        return Answer(code, output, explained(words, credentials or Credentials()))

    async def start(
        self,
        arguments: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        held: Sequence[int] = (),
        stdin: int = DEVNULL,
        stderr: int = PIPE,
    ) -> Process:
        """Start a command in a session of its own: one signal reaches all its processes, and no terminal is theirs."""
        mortal = self._mortal if held else None
        return await asyncio.create_subprocess_exec(
            *(mortal or self._command),
            *arguments,
            env={**self._environment, **(env or {})},
            cwd="/",
            stdin=stdin,
            stdout=PIPE,
            stderr=stderr,
            start_new_session=True,
            pass_fds=() if mortal else tuple(held),
            limit=_CHUNK,
        )


async def killed(process: Process) -> None:
    """End a command with all its children, at once, and wait until it is gone.

    The whole session: git's helpers would live on, and hold the pipes that waiting for git means waiting for.
    """
    _kill(process)
    await asyncio.shield(_gone(process))


def _kill(process: Process) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, SIGKILL)


async def _gone(process: Process) -> None:
    # A process counts as ended only when its pipes do, and a full pipe that nobody reads never does.
    for stream in (process.stdout, process.stderr):
        while stream and await stream.read(_CHUNK):
            pass
    await process.wait()


def _clean(given: Mapping[str, str]) -> dict[str, str]:
    # Relative entries would let a folder's content decide what `git` and `ssh` are.
    path = [entry for entry in given.get("PATH", os.defpath).split(os.pathsep) if Path(entry).is_absolute()]
    return {
        **{name: given[name] for name in _PASSED_ON if name in given},
        "PATH": os.pathsep.join(path),
        **ENVIRONMENT,
    }


async def _read(process: Process, stream: asyncio.StreamReader | None, limit: int | None) -> bytes:
    """All of a stream. Over the limit the command is killed; without one only the beginning is kept."""
    assert stream
    parts: list[bytes] = []
    size = 0
    while part := await stream.read(_CHUNK):
        size += len(part)
        if size <= (MAX_WORDS_BYTES if limit is None else limit + _CHUNK):
            parts.append(part)
        if limit is not None and size > limit:
            _kill(process)
    return b"".join(parts)


def _verb(arguments: Sequence[str]) -> str:
    """The subcommand, for messages: the first argument that is no option."""
    return next((argument for argument in arguments if not argument.startswith("-")), "")
