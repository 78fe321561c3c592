"""Speaks HTTP to the receiver: one request, its JSON; every failure is a sentence with an exit code."""

import json
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import IO, Any

REFUSED, UNREACHABLE, LATE = 3, 4, 5
"""Exit codes (main.py)."""
TIMEOUT_S = 30.0
MAX_ANSWER = 100_000_000
NO_CONTENT = 204

Query = str | Sequence[str] | None


class Failure(Exception):
    """A request that came to nothing: one sentence for people, an exit code for machines."""

    def __init__(self, sentence: str, code: int) -> None:
        super().__init__(sentence)
        self.code = code


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Following one would hand the token to whoever it points to."""

    def redirect_request(self, req: object, fp: IO[bytes], code: int, msg: str, headers: object, newurl: str) -> None:
        return None


@dataclass(frozen=True)
class Server:
    """A receiver and the token to show it."""

    url: str
    token: str = field(repr=False)
    warnings: list[str] = field(default_factory=list)
    """What the server warned of so far."""

    def get(self, path: str, **query: Query) -> Any:
        """The decoded answer. Raises Failure."""
        return self._call("GET", path, query, None, TIMEOUT_S)

    def post(self, path: str, body: Any, *, timeout_s: float = TIMEOUT_S, **query: Query) -> Any:
        """The decoded answer; timeout_s: longest silence. Raises Failure."""
        return self._call("POST", path, query, body, timeout_s)

    def delete(self, path: str, **query: Query) -> Any:
        """The decoded answer; None: there is nothing left to tell of. Raises Failure."""
        return self._call("DELETE", path, query, None, TIMEOUT_S)

    def _call(self, method: str, path: str, query: dict[str, Query], body: Any, timeout_s: float) -> Any:
        given = urllib.parse.urlencode({name: value for name, value in query.items() if value}, doseq=True)
        request = self._request(f"{self.url.rstrip('/')}{path}?{given}", method, body)
        opener = urllib.request.build_opener(_NoRedirect())
        try:
            with opener.open(request, timeout=timeout_s) as answer:
                self.warnings.extend(answer.headers.get_all("Warning", []))
                return None if answer.status == NO_CONTENT else _decoded(answer.read(MAX_ANSWER))
        except urllib.error.HTTPError as error:
            raise Failure(_problem(error), REFUSED) from None
        except TimeoutError:
            raise Failure(f"{self.url} did not answer within {timeout_s:g} s", LATE) from None
        except urllib.error.URLError as error:
            reason = error.reason
            if isinstance(reason, ssl.SSLCertVerificationError):
                raise Failure(
                    f"{self.url}: certificate: {reason.verify_message} (SSL_CERT_FILE)", UNREACHABLE
                ) from None
            raise Failure(f"{self.url} cannot be reached: {reason}", UNREACHABLE) from None
        except OSError as error:
            raise Failure(f"{self.url} broke off: {error}", UNREACHABLE) from None

    def _request(self, url: str, method: str, body: Any) -> urllib.request.Request:
        if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
            raise Failure(f"the server must be an http(s) address, not {self.url!r}", 2)
        headers = {"Accept": "application/json", "User-Agent": "pilothouse"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        # YAML knows dates, JSON does not: as text they are what was written.
        data = None if body is None else json.dumps(body, default=str).encode()
        if data is not None:
            headers["Content-Type"] = "application/json"
        return urllib.request.Request(url, data=data, headers=headers, method=method)  # noqa: S310 - scheme checked above


def segment(name: str) -> str:
    """A name as one part of a path."""
    return urllib.parse.quote(name, safe="")


def _decoded(text: bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise Failure("the answer is not JSON: is this the receiver's address?", UNREACHABLE) from None


def _problem(error: urllib.error.HTTPError) -> str:
    """The sentence of problem details (RFC 9457), or what little else there is."""
    try:
        found = json.loads(error.read(100_000))
        detail = str(found.get("detail") or found.get("title") or error.reason)
    except (ValueError, AttributeError, OSError):
        detail = str(error.reason)
    return f"{detail} ({error.code})"
