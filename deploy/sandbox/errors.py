"""What the API answers when it says no: one exception, and a constructor per reason.

Texts and codes follow https://github.com/kubernetes/apimachinery/blob/master/pkg/api/errors/errors.go, since clients
read them.
"""

from dataclasses import dataclass
from typing import Any

from deploy.sandbox.resources import Resource

Cause = dict[str, str]


class ApiError(Exception):
    """A request that fails: HTTP `code`, machine-readable `reason`, and the details of the Status object."""

    def __init__(self, code: int, reason: str, message: str, details: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details

    def status(self) -> dict[str, Any]:
        """The answer's body, a `Status` object."""
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            **({"reason": self.reason} if self.reason else {}),
            **({"details": self.details} if self.details is not None else {}),
            "code": self.code,
        }


@dataclass(frozen=True, slots=True)
class Problem:
    """One reason why an object is invalid: `kind` is FieldValueInvalid, FieldValueRequired, ...; `field` its path."""

    kind: str
    field: str
    text: str

    def cause(self) -> Cause:
        """The problem as a cause of a Status."""
        return {"reason": self.kind, "message": self.text, "field": self.field}


def required(field: str, text: str = "") -> Problem:
    """A field that must be there."""
    return Problem("FieldValueRequired", field, "Required value" + (f": {text}" if text else ""))


def invalid_value(field: str, value: Any, text: str) -> Problem:
    """A field whose value is wrong."""
    return Problem("FieldValueInvalid", field, f"Invalid value: {_shown(value)}: {text}")


def unsupported(field: str, value: Any, allowed: tuple[str, ...]) -> Problem:
    """A field whose value isn't one of the allowed ones."""
    listed = ", ".join(f'"{item}"' for item in sorted(allowed))
    return Problem("FieldValueNotSupported", field, f"Unsupported value: {_shown(value)}: supported values: {listed}")


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else "null" if value is None else str(value)


def not_found(resource: Resource, name: str) -> ApiError:
    """404: no such object."""
    text = f'{resource.qualified} "{name}" not found'
    return ApiError(404, "NotFound", text, _details(resource.group, resource.plural, name))


def no_such_path() -> ApiError:
    """404: the API knows no such resource or route."""
    return ApiError(404, "NotFound", "the server could not find the requested resource", {})


def no_such_page() -> ApiError:
    """404 without a Status: nobody serves this path at all."""
    return ApiError(404, "", "404 page not found\n")


def already_exists(resource: Resource, name: str) -> ApiError:
    """409: create of a name that is taken."""
    text = f'{resource.qualified} "{name}" already exists'
    return ApiError(409, "AlreadyExists", text, _details(resource.group, resource.plural, name))


def failed_precondition(resource: Resource, name: str, text: str) -> ApiError:
    """409: a delete of an object that isn't the one meant; named by its kind, as the real one does."""
    kind = f"{resource.kind}.{resource.group}" if resource.group else resource.kind
    message = f'Operation cannot be fulfilled on {kind} "{name}": {text}'
    return ApiError(409, "Conflict", message, _details(resource.group, resource.kind, name))


def conflict(resource: Resource, name: str, text: str) -> ApiError:
    """409: the object isn't what the writer believed."""
    message = f'Operation cannot be fulfilled on {resource.qualified} "{name}": {text}'
    return ApiError(409, "Conflict", message, _details(resource.group, resource.plural, name))


MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"


def apply_conflict(message: str, causes: list[Cause]) -> ApiError:
    """409: fields of a server-side apply belong to others."""
    return ApiError(409, "Conflict", message, {"causes": causes})


def invalid(resource: Resource, name: str, problems: list[Problem]) -> ApiError:
    """422: the object breaks rules; all of them are told."""
    texts = list(dict.fromkeys(f"{problem.field}: {problem.text}" for problem in problems))
    joined = texts[0] if len(texts) == 1 else "[" + ", ".join(texts) + "]"
    group = f".{resource.group}" if resource.group else ""
    details = _details(resource.group, resource.kind, name) | {"causes": [problem.cause() for problem in problems]}
    return ApiError(422, "Invalid", f'{resource.kind}{group} "{name}" is invalid: {joined}', details)


def invalid_options(problem: Problem, kind: str = "PatchOptions") -> ApiError:
    """422: the query of a request breaks rules."""
    details = {"group": "meta.k8s.io", "kind": kind, "causes": [problem.cause()]}
    text = f'{kind}.meta.k8s.io "" is invalid: {problem.field}: {problem.text}'
    return ApiError(422, "Invalid", text, details)


def bad_request(text: str) -> ApiError:
    """400: the request itself is wrong."""
    return ApiError(400, "BadRequest", text)


def forbidden(resource: Resource, name: str, text: str) -> ApiError:
    """403 by admission: the object may not be written now."""
    message = f'{resource.qualified} "{name}" is forbidden: {text}'
    return ApiError(403, "Forbidden", message, _details(resource.group, resource.plural, name))


def unauthorized() -> ApiError:
    """401: the token is unknown."""
    return ApiError(401, "Unauthorized", "Unauthorized")


def not_allowed(text: str = "the server does not allow this method on the requested resource") -> ApiError:
    """405: the resource has no such verb."""
    return ApiError(405, "MethodNotAllowed", text, {})


def expired(text: str) -> ApiError:
    """410: the asked version is no longer known."""
    return ApiError(410, "Expired", text)


def internal(text: str) -> ApiError:
    """500: what the real API answers with, although the request is to blame."""
    return ApiError(500, "InternalError" if text.startswith("Internal") else "", text)


def unsupported_media_type(text: str) -> ApiError:
    """415: a content type that this method doesn't take."""
    return ApiError(415, "UnsupportedMediaType", text)


def _details(group: str, kind: str, name: str) -> dict[str, Any]:
    details = {"name": name, "group": group, "kind": kind}
    return {key: value for key, value in details.items() if value}
