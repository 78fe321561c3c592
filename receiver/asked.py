"""What a caller of the API asked for: query and body, checked and turned into values. Who may ask it is access.py's.

The types here are what the OpenAPI document describes. A field that is not known is refused, never skipped: it may have
been meant to restrict.
"""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, TypeVar, get_origin, get_type_hints

import msgspec
import orjson
from msgspec import UNSET, Meta, Struct, UnsetType, field
from multidict import MultiMapping

from receiver.errors import BadRequest, FieldError, Missing
from receiver.selector import SELECTOR

LIMIT, MAX_LIMIT = 100, 500
"""Applications in one page."""
MAX_SELECTOR = 1_000
MAX_FIELDS = 2_000
NAME = r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$"
"""An Application's name (https://kubernetes.io/docs/concepts/overview/working-with-objects/names/)."""
WAIT = r"^(([12]?[0-9]{1,2}|300)s?|[0-5]m|[0-9]{1,5}ms)$"
"""At most five minutes."""
PATHS = r"^[A-Za-z0-9_/-]+(\.[A-Za-z0-9_/-]+)*(,[A-Za-z0-9_/-]+(\.[A-Za-z0-9_/-]+)*)*$"
REVISION = r"^([^-\s\x00-\x1f\x7f][^\s\x00-\x1f\x7f]*)?$"
_AT = re.compile(r"(?P<said>.*?)(?: - at `\$\.?(?P<field>.*)`)?", re.DOTALL)
_NAMED = re.compile(r"Object (?:contains unknown|missing required) field `(?P<field>.*)`", re.DOTALL)
_NAME = re.compile(NAME[1:-1])
_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "": 1.0}

HealthWord = Literal["Healthy", "Suspended", "Progressing", "Missing", "Degraded", "Unknown"]
SyncWord = Literal["Synced", "OutOfSync", "Unknown"]
Fields = Annotated[
    str,
    Meta(
        pattern=PATHS,
        max_length=MAX_FIELDS,
        description="Only these fields of each Application, by comma: `metadata.name,status.sync`.",
        examples=["metadata.name,status.sync.status"],
    ),
]
T = TypeVar("T", bound=Struct)


class Query(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """The parameters of a request that takes none."""


class One(Query, frozen=True):
    """Which Application, beside its name."""

    app_namespace: Annotated[str, Meta(description="The Application's namespace; without it the home namespace.")] = ""


class Shown(One, frozen=True):
    """How one Application is shown."""

    refresh: Annotated[
        Literal["normal", "hard"] | UnsetType, Meta(description="Also ask for a new comparison; does not wait for it.")
    ] = UNSET
    fields: Fields | UnsetType = UNSET


class Synced(One, frozen=True):
    """How long a sync is waited for."""

    wait: Annotated[str, Meta(pattern=WAIT, description="Until it has ended, e.g. `30s`, `2m`; at most 5 minutes.")] = (
        "0"
    )

    @property
    def wait_s(self) -> float:
        """In seconds."""
        number = self.wait.rstrip("ms\n")
        return int(number) * _UNITS_S[self.wait.strip()[len(number) :]]


class Deleted(One, frozen=True):
    """What becomes of its objects."""

    cascade: Annotated[
        Literal["true", "false"], Meta(description="Whether the Application's objects go, too; as Argo CD: true.")
    ] = "true"


class Filtered(Query, frozen=True):
    """Which Applications. Parameters that may be repeated mean any of their values; different ones must all be true."""

    namespace: Annotated[str, Meta(description="Only Applications in this namespace.")] = ""
    projects: Annotated[list[str], Meta(description="Only those of this AppProject; repeatable.")] = []
    selector: Annotated[
        str,
        Meta(
            pattern=SELECTOR, max_length=MAX_SELECTOR, description="A label selector.", examples=["team=web,tier!=test"]
        ),
    ] = ""
    repo: Annotated[str, Meta(description="Only those with a source in this repository, in any form of its URL.")] = ""
    health: Annotated[list[HealthWord], Meta(description="Only with this health; repeatable.")] = []
    sync: Annotated[list[SyncWord], Meta(description="Only with this sync status; repeatable.")] = []
    fields: Fields | UnsetType = UNSET


class Page(Filtered, frozen=True):
    """Which part of the list of Applications."""

    limit: Annotated[int, Meta(ge=1, le=MAX_LIMIT, description="Applications in one page.")] = LIMIT
    continue_: Annotated[str, Meta(description="`metadata.continue` of the page before.")] = field(
        name="continue", default=""
    )


class Streamed(Filtered, frozen=True):
    """Which Applications are followed."""

    name: Annotated[str, Meta(description="Only the Application of this name; needs no more than `get` on it.")] = ""


class Body(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, rename="camel"):
    """What a request's body holds. Absent and null are the same."""

    def written(self) -> dict[str, Any]:
        """As it was given, without what was not."""
        found: dict[str, Any] = msgspec.to_builtins(self)
        return found


class Resource(Body, frozen=True):
    """One object that a sync is limited to."""

    kind: Annotated[str, Meta(min_length=1)]
    name: Annotated[str, Meta(min_length=1)]
    group: str = ""
    namespace: str = ""


class Sync(Body, frozen=True):
    """A manual sync."""

    revision: Annotated[
        Annotated[str, Meta(max_length=250, pattern=REVISION)] | None,
        Meta(description="Branch, tag or commit; default: what the Application says."),
    ] = None
    prune: Annotated[bool | None, Meta(description="Delete what Git no longer has.")] = None
    dry_run: Annotated[bool | None, Meta(description="Change nothing.")] = None
    resources: Annotated[list[Resource] | None, Meta(description="Only these objects.")] = None


class Rollback(Body, frozen=True):
    """Which entry of the history is deployed again."""

    id: Annotated[int, Meta(ge=0, le=2**63 - 1, description="`id` of an entry of `status.history`.")]
    prune: Annotated[bool | None, Meta(description="Delete what that entry's sources do not have.")] = None
    dry_run: Annotated[bool | None, Meta(description="Change nothing.")] = None


def query_of(given: MultiMapping[str], shape: type[T]) -> T:
    """The parameters of a request. Raises BadRequest naming the first that is unknown, given twice or wrong."""
    kinds = {one.encode_name: one.name for one in msgspec.structs.fields(shape)}
    hints = get_type_hints(shape)
    found: dict[str, Any] = {}
    for name in given:
        if name not in kinds:
            known = f"known are {', '.join(kinds)}" if kinds else "this route takes none"
            raise _wrong(name[:60], f"unknown parameter; {known}")
        values = given.getall(name)
        repeatable = get_origin(hints[kinds[name]]) is list
        if len(values) > 1 and not repeatable:
            raise _wrong(name, "given more than once")
        found[name] = values if repeatable else values[0]
    try:
        return msgspec.convert(found, shape, strict=False)
    except msgspec.ValidationError as error:
        wrong = field_error(error)
        raise _wrong(wrong.field.partition("[")[0], wrong.detail) from None


def body_of(raw: bytes, shape: type[T]) -> T:
    """A JSON body; an empty one is an empty object. Raises BadRequest naming the field."""
    try:
        return msgspec.convert(_whole(msgspec.json.decode(raw.strip() or b"{}")), shape)
    except msgspec.ValidationError as error:
        raise _refused(error) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadRequest("the body is not JSON") from None


def sync_of(raw: bytes) -> dict[str, Any]:
    """The `sync` part of an operation. Raises BadRequest naming the field."""
    sync = body_of(raw, Sync).written()
    if "\n" in sync.get("revision", ""):  # Python's `$` lets one pass at the end
        raise _wrong("revision", "must be a branch, tag or commit")
    return sync


def object_of(raw: bytes) -> dict[str, Any]:
    """A JSON object of any content that can be handed on. Raises BadRequest."""
    try:
        given = orjson.loads(raw)
        orjson.dumps(given)  # what is nested too deep to be written again would be nobody's fault later
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        raise BadRequest("the body is not JSON, or nested too deep") from None
    if not isinstance(given, dict):
        raise BadRequest("the body must be a JSON object")
    return given


def field_error(error: msgspec.ValidationError) -> FieldError:
    """Which field, and what is wrong with it, from the words of msgspec."""
    found = _AT.fullmatch(str(error))
    said, where = (found["said"], found["field"] or "") if found else (str(error), "")
    if named := _NAMED.fullmatch(said):
        where = f"{where}.{named['field']}" if where else named["field"]
        said = "is unknown" if "unknown" in said else "is missing"
    return FieldError(where[:200], said[:300])


def continue_at(namespace: str, token: str) -> str:
    """A continue token of ours: where the next page begins."""
    return base64.urlsafe_b64encode(orjson.dumps([namespace, token])).decode()


def position_of(written: str, namespaces: Sequence[str]) -> tuple[str, str]:
    """Namespace and the API server's own token of a continue token; both empty: at the beginning. Raises BadRequest."""
    if not written:
        return "", ""
    try:
        match orjson.loads(base64.b64decode(written, altchars=b"-_", validate=True)):
            case [str(namespace), str(token)] if namespace in namespaces:
                return namespace, token
    except (ValueError, binascii.Error):
        pass
    raise _wrong("continue", "must be a token from an earlier page of the same list")


def name_of(written: str) -> str:
    """An Application's name from the path. Raises Missing: nothing else can be the name of an object."""
    if not _NAME.fullmatch(written):
        raise Missing("there is no such Application")
    return written


def namespace_of(wanted: str, served: Sequence[str], parameter: str = "appNamespace") -> str:
    """A namespace that is asked for; home if none is. Raises Missing for one that is not served here."""
    namespace = wanted or served[0]
    if namespace not in served:
        raise Missing(f"{parameter} {namespace[:60]!r} is not served by this Pilothouse")
    return namespace


def wanted_fields(fields: str | UnsetType) -> tuple[tuple[str, ...], ...]:
    """`metadata.name,status` as paths; empty: all fields."""
    return tuple(tuple(path.split(".")) for path in fields.strip().split(",")) if fields else ()


def etags_of(headers: Mapping[str, str], name: str) -> tuple[str, ...] | None:
    """The resourceVersions of an If-Match or If-None-Match header; `*`: any; None: there is no such header.

    Weak tags count for nothing: they never say that two objects are the same byte for byte.
    https://www.rfc-editor.org/rfc/rfc9110#name-if-match
    """
    written = headers.get(name)
    if written is None:
        return None
    tags = [tag.strip() for tag in written.split(",")]
    return tuple(tag if tag == "*" else tag[1:-1] for tag in tags if tag == "*" or re.fullmatch(r'"[^"]*"', tag))


def _whole(value: Any) -> Any:
    """JSON has one kind of number: 3.0 is 3 (https://json-schema.org/understanding-json-schema/reference/numeric)."""
    if isinstance(value, dict):
        return {name: _whole(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _refused(error: msgspec.ValidationError) -> BadRequest:
    found = field_error(error)
    return _wrong(found.field, found.detail) if found.field else BadRequest(f"the body: {found.detail}")


def _wrong(name: str, detail: str) -> BadRequest:
    return BadRequest(f"{name}: {detail}", errors=(FieldError(name, detail),))
