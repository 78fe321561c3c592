"""The AppProject of an application, and what it gives leave for: judged before any work is done.

What is forbidden is decided in core/project.py, what is not supported yet in core/restrictions.py.
"""

from dataclasses import dataclass

from jobs.clusters import Reached
from jobs.core import project, restrictions
from jobs.core.application import Application
from jobs.core.cluster_secret import Cluster
from jobs.core.errors import InvalidSpecError, PlanError
from jobs.core.global_projects import global_names, with_globals
from jobs.core.impersonation import account_of
from jobs.core.project import Project
from jobs.core.windows import Window, windows_of
from jobs.kube import Guard, Kube
from jobs.parts import Parts


@dataclass(frozen=True, slots=True)
class Leave:
    """What an application may do, and where."""

    project: Project
    cluster: Cluster
    kube: Kube
    """The client of the destination, as whoever the project names."""
    windows: tuple[Window, ...]
    """Sync windows that are about the application."""


async def leave(application: Application, guard: Guard, parts: Parts) -> Leave:
    """What the project allows. Raises InvalidSpecError or PlanError with all it forbids, or asks for and has not.

    guard: called before every write to the destination.
    """
    written = await _project(application, parts)
    _require(project.application_refusals(written, application, home=parts.settings.home))
    unsupported = restrictions.application_refusals(application)
    if unsupported:
        raise PlanError("; ".join(unsupported), refusals=unsupported)
    reached = await parts.clusters.at(application.destination, application.project)
    _require(project.destination_refusals(written, application, reached.cluster))
    windows = windows_of(project.spec_of(written, application.project), application, reached.cluster)
    kube = await _acting(written, application, reached, guard, parts)
    return Leave(written, reached.cluster, kube, windows)


async def leave_to_delete(application: Application, guard: Guard, parts: Parts) -> Reached:
    """The destination of an application that goes: what it made is deleted, whatever its project has come to forbid.

    Only as whom is still the project's to say. Raises InvalidSpecError when it can't be told.
    """
    reached = await parts.clusters.at(application.destination, application.project)
    written = await parts.home.project(application.project)
    return Reached(reached.cluster, await _acting(written, application, reached, guard, parts))


async def _project(application: Application, parts: Parts) -> Project:
    """The AppProject with what it inherits. Raises InvalidSpecError when a global project is not there."""
    written, options = await parts.home.project(application.project), await parts.home.options()
    labelled = written or {"metadata": {"name": application.project}, "spec": project.ALL}
    names = global_names(labelled, options)
    if not names:
        return written
    found = [await parts.home.project(name) for name in names]
    missing = ", ".join(name for name, other in zip(names, found, strict=True) if other is None)
    if missing:
        raise InvalidSpecError(f"ConfigMap argocd-cm: globalProjects names AppProject {missing}, which is not there")
    return with_globals(labelled, filter(None, found)) if written or application.project == project.DEFAULT else None


async def _acting(written: Project, application: Application, reached: Reached, guard: Guard, parts: Parts) -> Kube:
    spec, options = project.spec_of(written, application.project), await parts.home.options()
    enabled = parts.settings.impersonation
    account = account_of(spec, application, reached.cluster, options, enabled=enabled)
    return reached.kube.fenced(guard, account)


def _require(refusals: tuple[str, ...]) -> None:
    if refusals:
        raise InvalidSpecError("; ".join(refusals))
