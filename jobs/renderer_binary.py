"""Rendering with a `helm` program instead of the library (PILOTHOUSE_HELM_BINARY). Child side.

The program runs inside the renderer's confinement: no network, the same memory limit, an empty environment. It gets
regular files that were made here, so no symlink of the repository can lead it anywhere.
"""

import ctypes
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from jobs.core.errors import RenderError, shortened
from jobs.core.render_limits import GO_CRASH, RenderLimits, crash_message, output_message, timeout_message
from jobs.renderer import MAX_WORDS, Output, Release, schema_words
from jobs.renderer_sandbox import die_with_parent

FOLDER = "helm-"
"""What the name of a render's folder begins with; then comes the process id."""
SOURCE = re.compile(r"^---\n# Source: (?P<path>[^\n]+)\n", re.MULTILINE)
CRD_FOLDER = re.compile(r"(?:[^/]+/)(?:charts/[^/]+/)*crds/")


def render(files: Mapping[str, bytes], values: bytes, release: Release, limits: RenderLimits) -> Output:
    """Run `helm template` on the files. Raises RenderError with Helm's words, or the limit that was hit."""
    with tempfile.TemporaryDirectory(prefix=f"{FOLDER}{os.getpid()}-") as folder:
        root = Path(folder)
        for path, content in files.items():
            target = root / "chart" / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        (root / "values.json").write_bytes(values)
        return _by_file(_run(_arguments(root, release, limits), root, limits))


def remove_leftovers(scratch: str) -> None:
    """Remove the folders of renders whose process was killed; each new process does, since one follows each kill."""
    for folder in Path(scratch).glob(f"{FOLDER}*-*"):
        if not Path("/proc", folder.name.split("-")[1]).exists():
            shutil.rmtree(folder, ignore_errors=True)


def _arguments(root: Path, release: Release, limits: RenderLimits) -> list[str]:
    arguments = [limits.helm_binary, "template", str(root / "chart"), "--name-template", release.name]
    arguments += ["--include-crds", "--values", str(root / "values.json")]
    if release.namespace:
        arguments += ["--namespace", release.namespace]
    if release.kube_version:
        arguments += ["--kube-version", release.kube_version]
    for version in release.api_versions:
        arguments += ["--api-versions", version]
    return arguments


def _run(arguments: list[str], root: Path, limits: RenderLimits) -> str:
    parent, libc = os.getpid(), ctypes.CDLL(None)
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(root), "GOTRACEBACK": "none"}
    with (root / "out").open("w+b") as out, (root / "err").open("w+b") as err:
        process = subprocess.Popen(
            arguments,
            cwd=root,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            process_group=0,
            preexec_fn=lambda: die_with_parent(libc, parent),
        )
        try:
            process.wait(limits.timeout_s)
        except subprocess.TimeoutExpired:
            raise RenderError(timeout_message(limits.timeout_s)) from None
        finally:
            _end(process)
    return _answer(process.returncode, root, limits)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Kill the program and all it started, also when it ended by itself or this render is given up."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _answer(code: int, root: Path, limits: RenderLimits) -> str:
    size = (root / "out").stat().st_size
    if size > limits.output_mb << 20:
        raise RenderError(output_message(size, limits))
    words = (root / "err").read_bytes()[: 8 * MAX_WORDS].decode("utf-8", "replace").replace(f"{root}/", "")
    if code:
        raise RenderError(crash_message(words, code, limits) if code < 0 or GO_CRASH.search(words) else _said(words))
    return (root / "out").read_text("utf-8", "replace")


def _said(words: str) -> str:
    """Helm's own sentence, without its log lines and hints."""
    lines = [line for line in words.splitlines() if line and not line.startswith(("level=", "Use --debug"))]
    said = schema_words("\n".join(lines).removeprefix("Error: "))
    return shortened(said, MAX_WORDS) or "helm failed and did not say why"


def _by_file(text: str) -> Output:
    """Helm's printed documents by the file each came from, in its order."""
    marks = list(SOURCE.finditer(text))
    templates: dict[str, str] = {}
    crds: list[tuple[str, str]] = []
    for mark, end in zip(marks, [*(after.start() for after in marks[1:]), len(text)], strict=True):
        path, body = mark["path"], text[mark.end() : end]
        if CRD_FOLDER.match(path):
            crds.append((path, body))
        else:
            templates[path] = f"{templates[path]}\n---\n{body}" if path in templates else body
    return Output(templates, crds)
