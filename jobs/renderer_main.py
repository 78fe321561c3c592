"""What the pool calls in a renderer process: get ready once, then one render or health script after the other.

Child side. Imported by name in the child alone; keep what it imports small, since every renderer pays for it.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from jobs import renderer, renderer_binary, renderer_directory, renderer_helm, renderer_lua
from jobs.core.errors import InvalidSpecError, RenderError, StageError, shortened
from jobs.core.render_limits import RenderLimits, memory_message, output_message
from jobs.core.render_request import RenderRequest, Tool
from jobs.renderer_objects import objects
from jobs.renderer_sandbox import Confinement, confine, has_network, limit_cpu

DOCUMENTS = {Tool.HELM: renderer_helm.documents, Tool.DIRECTORY: renderer_directory.documents}
ERRORS = {"spec": InvalidSpecError, "render": RenderError}
"""Stage in an answer -> what the parent raises."""

_state: dict[str, Any] = {}


def prepare(confinement: Confinement, limits: RenderLimits) -> None:
    """Confine this process and load Helm. Never raises: what went wrong is the answer to `ready`."""
    _state["limits"] = limits
    try:
        confine(confinement)
        renderer_binary.remove_leftovers(confinement.scratch)
        _state["helm"] = renderer.load()
    except BaseException as error:
        _state["problem"] = f"{type(error).__name__}: {error}"


def ready() -> Mapping[str, str]:
    """`helm`: the library's version; `network`: "yes" if it could not be taken away; `problem`: why it can't render."""
    known: dict[str, str] = {name: _state[name] for name in ("helm", "problem") if name in _state}
    return {**known, "network": "yes" if has_network() else "no"}


def render(request: RenderRequest) -> bytes:
    """The answer as JSON: `objects`, a list of [origin, object]; or `error` and `stage` of an expected failure."""
    limits: RenderLimits = _state["limits"]
    limit_cpu(limits.timeout_s)
    try:
        answer = orjson.dumps({"objects": list(objects(DOCUMENTS[request.tool](request, limits)))})
    except StageError as error:
        return orjson.dumps({"error": error.message, "stage": error.stage})
    except MemoryError:
        return _failure(memory_message(limits))
    except (RecursionError, orjson.JSONEncodeError):
        return _failure("a mapping or list is nested too deeply, or a text in it is no UTF-8")
    except Exception as error:
        # What is read here is hostile, so even a bug must end this render only; its text may hold what was read.
        return _failure(
            f"the renderer failed with {type(error).__name__}; this is a bug of Pilothouse, please report it"
        )
    if len(answer) > limits.output_mb << 20:
        return _failure(output_message(len(answer), limits))
    return answer


def mapping(text: str, place: str) -> bytes:
    """A YAML document as JSON: `mapping`, or `error`. Read here, since Go's reader has limits for hostile YAML."""
    try:
        return orjson.dumps({"mapping": renderer.mapping_of(text, place)})
    except (StageError, RecursionError, orjson.JSONEncodeError) as error:
        return _failure(str(error))


def verdict(script: str, body: bytes, open_libs: bool, seconds: float) -> renderer_lua.Verdict:
    """What a health script says of an object."""
    limit_cpu(seconds)
    return renderer_lua.verdict(script, body, open_libs=open_libs, seconds=seconds)


def _failure(message: str) -> bytes:
    return orjson.dumps({"error": shortened(message), "stage": RenderError.stage})
