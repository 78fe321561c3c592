"""JSON patch (RFC 6902) and JSON merge patch (RFC 7386). Pure."""

from typing import Any

import jsonpatch
import jsonpointer

from deploy.sandbox.errors import ApiError, bad_request


def merge(target: Any, patch: Any) -> Any:
    """The target with a merge patch laid over it: null removes, maps merge, all else replaces."""
    if not isinstance(patch, dict):
        return patch
    out = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            out.pop(name, None)
        else:
            out[name] = merge(out.get(name), value)
    return out


def json_patch(target: dict[str, Any], operations: Any) -> dict[str, Any]:
    """The target after the operations.

    Raises ApiError: 400 for what is no patch, 422 for one that can't be applied (a failed `test`, a missing path).
    """
    try:
        result: dict[str, Any] = jsonpatch.JsonPatch(operations).apply(target)
    except (jsonpatch.JsonPatchTestFailed, jsonpatch.JsonPatchConflict, jsonpointer.JsonPointerException):
        # The real one doesn't say either which operation it was.
        text = "the server rejected our request due to an error in our request"
        raise ApiError(422, "Invalid", text, {}) from None
    except (jsonpatch.InvalidJsonPatch, TypeError, KeyError, AttributeError, ValueError) as error:
        raise bad_request(f"error decoding patch: {error}") from None
    return result
