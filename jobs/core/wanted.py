"""What a sync in progress wants instead of the spec: sources and revisions that a person gave in the operation.

A rollback is such an operation: it carries the source of an earlier deployment, as that was then
(https://argo-cd.readthedocs.io/en/stable/user-guide/commands/argocd_app_rollback/).
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from jobs.core.application import Application
from jobs.core.errors import InvalidSpecError
from jobs.core.fields import Fields
from jobs.core.source import source_of


def wanted(application: Application) -> Application:
    """The Application with the sources of the operation that is asked for, or under way; as it is if that has none.

    Raises InvalidSpecError naming the field of `.operation`.
    """
    if application.operation is not None:
        return _with_sources(application, application.operation)
    try:
        return _with_sources(application, _under_way(application))
    except InvalidSpecError:
        return application  # anybody may have written the status: what makes no sense there is as good as lost


def revisions_wanted(application: Application) -> tuple[str, ...]:
    """For each source its targetRevision as written, unless a person asked for others.

    Raises InvalidSpecError when `.operation` has another number of revisions than there are sources.
    """
    written = tuple(source.target_revision for source in application.sources)
    operation = application.operation if application.operation is not None else _under_way(application)
    if (operation.get("initiatedBy") or {}).get("automated"):
        return written
    sync = Fields(operation, "operation").inner("sync")
    asked = sync.texts("revisions") or tuple(filter(None, [sync.text("revision")]))
    if sync.texts("revisions") and len(asked) != len(written) and application.operation is not None:
        sync.refuse("revisions", f"needs one revision for each source: there are {len(written)}")
    return asked if len(asked) == len(written) else written


def _under_way(application: Application) -> Mapping[str, Any]:
    state = application.status.get("operationState") or {}
    found: Mapping[str, Any] = (state.get("operation") or {}) if state.get("phase") == "Running" else {}
    return found


def _with_sources(application: Application, operation: Mapping[str, Any]) -> Application:
    sync = Fields(operation, "operation").inner("sync")
    if sync.items("sources"):
        written, sources = "sources", tuple(source_of(item) for item in sync.each("sources"))
    elif sync.inner("source").text("repoURL"):  # Argo CD writes an empty one beside `sources`
        written, sources = "source", (source_of(sync.inner("source")),)
    else:
        return application
    spec = {name: value for name, value in application.spec.items() if name not in ("source", "sources")}
    return replace(application, sources=sources, spec={**spec, written: sync.values[written]})
