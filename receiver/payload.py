"""A verified body as a mapping, and reading it: a payload may have any shape, so each look-up expects that."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

import msgspec
import orjson

from receiver.errors import Unreadable
from receiver.push import Delivery

UNREAD = frozenset(("commits", "head_commit"))
"""Nearly all of a large payload. Nothing in it is believed, so no memory is spent on it: only its syntax counts."""
_PARTS = msgspec.json.Decoder(dict[str, msgspec.Raw])
MAX_URLS = 8
"""More addresses of one repository than any host sends."""


def json_of(delivery: Delivery) -> Mapping[str, Any]:
    """The payload: the body itself, or the field `payload` of a form, as GitHub and Gitea can be told to send. UNREAD
    parts are left out.

    Raises Unreadable for anything that is not one JSON object in UTF-8. Nesting is limited by the parser; of a key
    that stands twice the last value counts. The sentence never repeats the body.
    """
    kind, _, parameters = delivery.header("content-type").lower().partition(";")
    charset = parameters.partition("charset=")[2].split(";")[0].strip("\"' ")
    if charset not in ("", "utf-8", "utf8", "us-ascii"):
        raise Unreadable("the body must be JSON in UTF-8; another charset was announced")
    require_plain(delivery)
    text = _form_field(delivery.body) if kind.strip() == "application/x-www-form-urlencoded" else delivery.body
    try:
        parts = _PARTS.decode(text)
        return {name: orjson.loads(memoryview(part)) for name, part in parts.items() if name not in UNREAD}
    except msgspec.ValidationError:
        raise Unreadable("the body is JSON, but not an object") from None
    except (msgspec.DecodeError, orjson.JSONDecodeError, UnicodeDecodeError, RecursionError):
        raise Unreadable("the body is not JSON") from None


def require_plain(delivery: Delivery) -> None:
    """Raises Unreadable if a compressed body is announced; no host sends one."""
    if delivery.header("content-encoding").lower() not in ("", "identity"):
        raise Unreadable("the body must not be compressed: it would not be what was signed")


def _form_field(body: bytes) -> str:
    try:
        fields = parse_qs(body.decode("ascii"), strict_parsing=True, errors="strict", max_num_fields=10)
        (payload,) = fields["payload"]
    except (ValueError, KeyError):
        raise Unreadable("the form has no single field `payload`") from None
    return payload


def inner(payload: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The mapping under a name; empty if there is none."""
    value = payload.get(name)
    return value if isinstance(value, Mapping) else {}


def mappings(payload: Mapping[str, Any], name: str) -> tuple[Mapping[str, Any], ...]:
    """The mappings in the list under a name; empty if there is none."""
    value = payload.get(name)
    return tuple(item for item in value if isinstance(item, Mapping)) if isinstance(value, list) else ()


def urls_of(payload: Mapping[str, Any], *names: str) -> tuple[str, ...]:
    """The values of these names that are text, each once, in order."""
    found = (payload.get(name) for name in names)
    return tuple(dict.fromkeys(value for value in found if isinstance(value, str) and value))[:MAX_URLS]


def required(urls: tuple[str, ...], where: str) -> tuple[str, ...]:
    """The addresses, MAX_URLS at most, of which there must be one. Raises Unreadable."""
    if not urls:
        raise Unreadable(f"the push names no repository: {where} holds no address")
    return urls[:MAX_URLS]
