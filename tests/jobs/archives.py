"""Repositories as tars, and requests on them: plain functions with good defaults."""

import io
import tarfile
from collections.abc import Mapping
from typing import Any

from jobs.core.render_request import RenderRequest, Tool

CHART = "apiVersion: v2\nname: web\nversion: 1.0.0\n"


class Link(str):
    """A symlink to this target."""

    __slots__ = ()


def archive(files: Mapping[str, str | bytes | Link]) -> bytes:
    """An uncompressed tar, as `git archive` makes it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path, content in files.items():
            member = tarfile.TarInfo(path)
            if isinstance(content, Link):
                member.type, member.linkname = tarfile.SYMTYPE, content
                tar.addfile(member)
            else:
                data = content.encode() if isinstance(content, str) else content
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def packaged(name: str, files: Mapping[str, str | bytes]) -> bytes:
    """A chart archive (.tgz), as `helm package` makes it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for path, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            member = tarfile.TarInfo(f"{name}/{path}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def a_chart_request(files: Mapping[str, str | bytes | Link], **given: Any) -> RenderRequest:
    """A render of the chart in `web/`; a Chart.yaml is added if there is none."""
    options: dict[str, Any] = {"release_name": "web", "namespace": "shop", "kube_version": "v1.36.3", "path": "web"}
    return RenderRequest(Tool.HELM, {"": archive({"web/Chart.yaml": CHART, **files})}, **(options | given))


def a_directory_request(files: Mapping[str, str | bytes | Link], **given: Any) -> RenderRequest:
    """A render of the plain files in `deploy/`."""
    return RenderRequest(Tool.DIRECTORY, {"": archive(files)}, **({"path": "deploy"} | given))


def a_config_map(name: str = "a", data: str = "{}", extra: str = "") -> str:
    """A ConfigMap as YAML text; data and extra are put in as they are."""
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n{extra}data: {data}\n"
