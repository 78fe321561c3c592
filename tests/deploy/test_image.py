"""The Dockerfile: what it is built from, who runs in it, and that its install steps work in a clean environment."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.deploy.dockerfile import environment, instructions, texts
from tests.deploy.rendering import ROOT, pod_of, render

BUILD, FINAL = 1, 2
INSTALLED = "/opt/pilothouse"


def test_every_base_is_pinned_to_a_full_version() -> None:
    bases = texts("ARG", stage=0)
    assert len(bases) == 1
    assert re.fullmatch(r"PYTHON_IMAGE=docker\.io/library/python:3\.13\.[0-9]+-slim-[a-z]+", bases[0])
    assert [text.split(" AS ")[0] for text in texts("FROM")] == ["${PYTHON_IMAGE}"] * 2
    assert "latest" not in " ".join(found.text for found in instructions())


def test_the_image_runs_as_somebody_without_rights_under_an_init() -> None:
    assert texts("USER") == ["10001:10001"]
    assert instructions()[-1].word == "ENTRYPOINT"
    assert json.loads(texts("ENTRYPOINT")[0]) == ["/usr/bin/tini", "--", "pilothouse"]
    made = texts("RUN", FINAL)[0]
    assert "--uid 10001" in made
    assert "nologin" in made


def test_the_chart_runs_the_image_as_the_user_it_has() -> None:
    for body in render():
        if body["kind"] == "Deployment":
            assert pod_of(body)["securityContext"]["runAsUser"] == 10001


def test_git_ssh_and_tini_are_installed_and_nothing_is_left_of_apt() -> None:
    run = texts("RUN", FINAL)[0]
    assert {"git", "openssh-client", "tini", "ca-certificates"} <= set(run.split())
    assert "--no-install-recommends" in run
    assert "rm -rf /var/lib/apt/lists/*" in run


def test_dependencies_come_from_the_lock_without_tools_for_developers() -> None:
    syncs = [text for text in texts("RUN", BUILD) if text.startswith("uv sync")]
    assert len(syncs) == 2
    assert all("--frozen" in text and "--no-dev" in text for text in syncs)
    assert "--no-editable" in syncs[-1]  # an editable install would point at /src, which the image has not
    assert re.fullmatch(r"pip install --no-cache-dir uv==[0-9.]+", texts("RUN", BUILD)[0])


def test_the_final_stage_takes_only_what_was_installed() -> None:
    assert texts("COPY", FINAL) == [f"--from=build {INSTALLED} {INSTALLED}"]
    assert f"{INSTALLED}/bin" in environment(FINAL)["PATH"].split(":")


def test_no_secret_and_nothing_from_an_address_gets_into_the_image() -> None:
    assert texts("ADD") == []
    for found in instructions():
        assert not re.search(r"(?i)secret|password|token|credential|://|curl|wget", found.text), found


def test_the_build_sees_nothing_but_what_it_copies() -> None:
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*"
    allowed = {line[1:] for line in lines if line.startswith("!")}
    copied = {name.removeprefix("./") for text in texts("COPY", BUILD) for name in text.split()[:-1]}
    assert allowed == copied


def test_every_package_of_the_wheel_is_copied() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert set(packages) <= {text.split()[0] for text in texts("COPY", BUILD)}


def a_python(folder: Path) -> Path:
    """The base image's Python: a fresh environment of 3.13 if there is one, else of the running one."""
    asked = ["python3.13", "-c", "import sys; print(sys.executable)"]
    found = subprocess.run(asked, capture_output=True, text=True) if shutil.which("python3.13") else None
    python = found.stdout.strip() if found and found.returncode == 0 else sys.executable
    subprocess.run([python, "-m", "venv", str(folder)], check=True, timeout=120)
    return folder / "bin"


def the_last_commit(folder: Path) -> None:
    """The files of HEAD, as a clean clone has them."""
    archive = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, capture_output=True, check=True, timeout=60).stdout
    folder.mkdir()
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive, check=True, timeout=60)


def copy(source: Path, target: Path) -> None:
    """COPY of one name: a folder's content goes into the target, a file into the folder."""
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    else:
        shutil.copy(source, target / source.name)


def build(context: Path, folder: Path, installed: Path) -> None:
    """The build stage without a container: COPY and RUN in `folder`, `installed` in place of /opt/pilothouse."""
    registries = ("PIP_", "UV_", "SSL_", "HTTP", "NO_PROXY", "XDG_CONFIG")
    variables = {name: value for name, value in os.environ.items() if name.upper().startswith(registries)}
    variables |= {name: value.replace(INSTALLED, str(installed)) for name, value in environment(BUILD).items()}
    variables |= {"PATH": f"{a_python(folder / 'python')}:/usr/bin:/bin", "HOME": str(Path.home()), "LANG": "C.UTF-8"}
    workdir = folder / "src"
    workdir.mkdir()
    for found in instructions():
        if found.stage == BUILD and found.word == "COPY":
            *names, target = found.text.split()
            for name in names:
                copy(context / name, workdir / target)
        elif found.stage == BUILD and found.word == "RUN":
            command = ["bash", "-euo", "pipefail", "-c", found.text.replace(INSTALLED, str(installed))]
            done = subprocess.run(command, cwd=workdir, env=variables, capture_output=True, text=True, timeout=600)
            assert done.returncode == 0, f"{found.text}\n{done.stdout}{done.stderr}"
    shutil.rmtree(workdir)  # the final stage has only what was installed


@pytest.mark.long
@pytest.mark.alone
@pytest.mark.timeout(900)
def test_the_install_steps_give_a_working_program(tmp_path: Path) -> None:
    installed = tmp_path / "opt"
    the_last_commit(tmp_path / "context")
    build(tmp_path / "context", tmp_path, installed)
    libraries = [path.name for path in installed.rglob("libhelm_c.so*")]
    assert len(libraries) == 1
    assert re.fullmatch(r"libhelm_c\.so\.[0-9]+\.[0-9]+\.[0-9]+", libraries[0])
    assert not list(installed.rglob("pytest"))
    bare = {"PATH": f"{installed}/bin:/usr/bin:/bin", "HOME": str(tmp_path / "nothing")}
    for command in (
        ["python", "-c", "import jobs.worker, receiver.app; print('imported')"],
        ["python", "-c", "import helm_python; print(helm_python.helm_sdk_version())"],
        ["pilothouse", "version"],
    ):
        program = [str(installed / "bin" / command[0]), *command[1:]]
        done = subprocess.run(program, cwd=tmp_path, env=bare, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip()
