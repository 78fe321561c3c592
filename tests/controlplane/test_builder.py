"""Finding and building the control plane's programs, with a stand-in for the Go toolchain."""

import fcntl
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.controlplane import binaries, toolchain
from tests.controlplane.plane import ROOT

GoScript = Callable[[str], None]
Build = Callable[[], "subprocess.CompletedProcess[str]"]

COMPILES = """
echo "go: downloading k8s.io/api v0.36.3" >&2
mkdir -p "$GOCACHE" "$GOMODCACHE"; echo "$GOCACHE" > "$GOCACHE/finished-package"
while [ "$1" != -o ]; do shift; done
echo "the program" > "$2"
"""


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def go(tmp_path: Path) -> GoScript:
    """Puts a `go` into a folder for PATH that does what the given shell text says for `go build`."""

    def write(text: str, version: str = "go1.26.8") -> None:
        path = tmp_path / "bin" / "go"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f'#!/bin/sh\n[ "$1" = version ] && echo "go version {version} linux/amd64" && exit\n{text}\n')
        path.chmod(0o755)

    return write


@pytest.fixture
def build(tmp_path: Path, cache: Path) -> Build:
    """Runs `python -m tests.controlplane build` with that `go` and an empty cache."""
    environment = {name: value for name, value in os.environ.items() if name != "KUBEBUILDER_ASSETS"}
    environment |= {"XDG_CACHE_HOME": str(cache), "PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin"}
    command = [sys.executable, "-m", "tests.controlplane", "build"]
    return lambda: subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def found_in(cache: Path) -> binaries.Binaries:
    return binaries.find({"XDG_CACHE_HOME": str(cache)})


def test_a_finished_build_is_found_and_its_caches_are_gone(go: GoScript, build: Build, cache: Path) -> None:
    go(COMPILES)
    done = build()
    assert done.returncode == 0, done.stderr
    found = found_in(cache)
    assert Path(found.etcd[0]).read_text() == "the program\n"
    assert found.missing is None
    assert not (cache / "pilothouse/controlplane/build").exists()


def test_a_second_build_does_nothing(go: GoScript, build: Build) -> None:
    go(COMPILES)
    build()
    go("exit 1")
    assert build().returncode == 0


def test_a_failed_build_says_why_keeps_what_was_compiled_and_tells_later_seekers(
    go: GoScript, build: Build, cache: Path
) -> None:
    go('mkdir -p "$GOCACHE"; touch "$GOCACHE/finished-package"; echo "go: no route to proxy" >&2; exit 1')
    done = build()
    assert done.returncode == 1
    assert "the test control plane cannot be built: `go build` ended with exit code 1" in done.stderr
    assert "go: no route to proxy" in done.stderr
    assert (cache / "pilothouse/controlplane/build/gocache/finished-package").exists()
    with pytest.raises(binaries.BinariesMissingError, match=r"make controlplane(.|\n)*no route to proxy"):
        found_in(cache)
    go(COMPILES)
    assert build().returncode == 0
    assert found_in(cache)


def test_one_builder_waits_for_the_other(go: GoScript, cache: Path, tmp_path: Path) -> None:
    go(COMPILES)
    root = cache / "pilothouse/controlplane"
    root.mkdir(parents=True)
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache), "PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin"}
    environment.pop("KUBEBUILDER_ASSETS", None)
    command = [sys.executable, "-m", "tests.controlplane", "build"]
    with (root / "build.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as second:
            assert second.stdout is not None
            assert "waiting" in second.stdout.readline()
            assert not (root / "build").exists()
            fcntl.flock(lock, fcntl.LOCK_UN)
            assert second.wait(30) == 0


def test_assets_without_an_api_server_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(binaries.BinariesMissingError, match=f"KUBEBUILDER_ASSETS={tmp_path} has no etcd and no kube-"):
        binaries.find({"KUBEBUILDER_ASSETS": str(tmp_path)})


def test_assets_without_a_controller_manager_are_used_and_say_what_is_missing(tmp_path: Path) -> None:
    for name in ("etcd", "kube-apiserver"):
        (tmp_path / name).touch(mode=0o755)
    found = binaries.find({"KUBEBUILDER_ASSETS": str(tmp_path)})
    assert found.apiserver == (str(tmp_path / "kube-apiserver"),)
    assert "no kube-controller-manager" in (found.missing or "")


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("go version go1.26.8 linux/amd64", (1, 26)),
        ("go version go1.9 linux/amd64", (1, 9)),
        ("go version go1.27rc1 linux/arm64", (1, 27)),
        ("command not found", (0, 0)),
    ],
)
def test_the_version_of_go_is_read_as_numbers(text: str, version: tuple[int, int]) -> None:
    assert toolchain.version_of(text) == version
