"""The AppProject of an application, and what it gives leave for: judged before any work is done.

What is forbidden is decided in core/project.py, what is not supported yet in core/restrictions.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jobs.core import project, restrictions
from jobs.core.application import Application
from jobs.core.cluster_secret import Cluster
from jobs.core.errors import InvalidSpecError, PlanError
from jobs.core.windows import Window, windows_of
from jobs.kube import Kube
from jobs.parts import Parts


@dataclass(frozen=True, slots=True)
class Leave:
    """What an application may do, and where."""

    project: Mapping[str, Any] | None
    """The AppProject; None: there is none of that name, which only `default` may say."""
    cluster: Cluster
    kube: Kube
    """The client of the destination."""
    windows: tuple[Window, ...]
    """Sync windows that are about the application."""


async def leave(application: Application, parts: Parts) -> Leave:
    """What the project allows. Raises InvalidSpecError or PlanError with all it forbids, or asks for and has not."""
    written = await parts.home.project(application.project)
    _require(project.application_refusals(written, application, home=parts.settings.home))
    unsupported = restrictions.application_refusals(application)
    if unsupported:
        raise PlanError("; ".join(unsupported), refusals=unsupported)
    reached = await parts.clusters.at(application.destination, application.project)
    _require(project.cluster_refusals(written, application, reached.cluster))
    windows = windows_of(project.spec_of(written, application.project), application, reached.cluster)
    return Leave(written, reached.cluster, reached.kube, windows)


def _require(refusals: tuple[str, ...]) -> None:
    if refusals:
        raise InvalidSpecError("; ".join(refusals))
