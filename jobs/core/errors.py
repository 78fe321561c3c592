"""The one tree of expected failures. Anything else that is raised is a bug and ends the process's task, not the run.

StageError                what went wrong, where, and what to do about it
|-- InvalidSpecError      the Application says something impossible; names the field
|   |-- UnknownCluster    no Secret describes its destination
|-- FetchError            Git or a registry did not give the files
|-- RenderError           the files do not become manifests
|-- PlanError             objects that may not be applied or pruned; carries every refusal
|-- WindowClosed          a sync window of the project keeps the sync back
|-- DeletionError         a deleted Application that does not go
|-- KubeError             the API server said no, or nothing
|   |-- NotFound, Conflict, Gone, Refused, Unauthorized, Overloaded, Unreachable
|-- LostClaim             somebody else may run this application now: stop writing
"""

from collections.abc import Sequence

MAX_MESSAGE = 4000
"""Characters of foreign text kept in an error: a status must stay small and a log line readable."""


class StageError(Exception):
    """An expected failure of one application's run: recorded on the Application, never raised further than the flow.

    condition: the Argo CD condition type it becomes. retry_after_s: seconds until another try may help; None: only a
    change (a push, a person, a changed Application) or the ordinary back-off helps.
    """

    condition = "ComparisonError"
    stage = "run"

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(shortened(message))
        self.message = shortened(message)
        self.retry_after_s = retry_after_s


class InvalidSpecError(StageError):
    """The Application itself is wrong; the message names the field."""

    condition = "InvalidSpecError"
    stage = "spec"


class UnknownCluster(InvalidSpecError):
    """No Secret describes the destination: it was never there, or it was taken away."""


class FetchError(StageError):
    """The files at the wanted revision could not be had; the message names the repository and gives Git's words."""

    stage = "fetch"


class RenderError(StageError):
    """The files could not be rendered; the message gives file, line and Helm's words, or the limit that was hit."""

    stage = "render"


class PlanError(StageError):
    """Nothing was changed since these objects may not be. refusals: one sentence each, all at once."""

    condition = "SyncError"
    stage = "plan"

    def __init__(self, message: str, *, refusals: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.refusals = tuple(refusals)


class WindowClosed(StageError):
    """A sync window of the project keeps the sync from beginning, or from going on. retry_after_s: until it may."""

    condition = "SyncError"
    stage = "plan"


class DeletionError(StageError):
    """A deleted Application does not go; the message says what holds it, and how to do without that."""

    condition = "DeletionError"
    stage = "deletion"


class KubeError(StageError):
    """An answer of the API server that is not the one hoped for. status: HTTP code, 0 when there was no answer.

    reason: the Status object's `reason` (https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/).
    """

    stage = "cluster"
    causes: tuple[tuple[str, str], ...] = ()
    """Field and what is wrong with it, where the API server names fields."""

    def __init__(self, message: str, *, status: int = 0, reason: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(message, retry_after_s=retry_after_s)
        self.status = status
        self.reason = reason


class NotFound(KubeError):
    """404: the object, or the kind, is not there."""


class Conflict(KubeError):
    """409: the object changed since it was observed, exists already, or another manager owns a field."""


class Gone(KubeError):
    """410: the resourceVersion or continue token is too old; list again."""


class Refused(KubeError):
    """400, 403, 405, 413, 415, 422 or a 500 that means the object is wrong: the same request will fail again."""


class Unauthorized(KubeError):
    """401: the credentials are not accepted."""


class Overloaded(KubeError):
    """429 or 503: ask again after `retry_after_s`."""


class Unreachable(KubeError):
    """No answer, or one that is not the API server's: connection refused, reset, timed out, a bad gateway."""


class LostClaim(StageError):
    """The lease of this run is gone or too short for another write; whoever claims next goes on."""

    stage = "claim"


def shortened(text: str, limit: int = MAX_MESSAGE) -> str:
    """Text cut to the limit in characters, saying how much is left out."""
    return text if len(text) <= limit else f"{text[:limit]}... ({len(text) - limit} characters left out)"
