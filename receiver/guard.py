"""Which version of an Application a change is of, so that two who edit it do not overwrite each other. Pure.

https://www.rfc-editor.org/rfc/rfc9110#name-if-match , and Kubernetes' own way, `metadata.resourceVersion`:
https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from receiver.asked import etags_of
from receiver.errors import Changed, Outdated, ReceiverError, Unguarded

MEANWHILE = "it was changed since you read it, perhaps only its status: read it again, and repeat your change"


@dataclass(frozen=True, slots=True)
class Guard:
    """What a request says of the version it means."""

    tags: tuple[str, ...] | None
    """Of If-Match; `*`: whatever it is now; None: there is no such header."""
    version: str = ""
    """Of the body; empty: it has none."""

    @classmethod
    def of(cls, headers: Mapping[str, str], body: Mapping[str, Any] | None = None) -> "Guard":
        """From the headers, and the body if there is one."""
        metadata = (body or {}).get("metadata")
        version = metadata.get("resourceVersion") if isinstance(metadata, Mapping) else ""
        return cls(etags_of(headers, "If-Match"), version if isinstance(version, str) else "")

    @property
    def names_one(self) -> bool:
        """Whether it means one version and no other."""
        return bool(self.version) or (self.tags is not None and "*" not in self.tags)

    @property
    def refusal(self) -> ReceiverError:
        """What is said when it is another version."""
        return Outdated(MEANWHILE) if self.tags is not None else Changed(MEANWHILE)

    def require(self, version: str) -> None:
        """The Application as it is now must be what is meant. Raises Outdated or Changed."""
        if self.tags is not None and "*" not in self.tags and version not in self.tags:
            raise Outdated(MEANWHILE)
        if self.version not in ("", version):
            raise Changed(MEANWHILE)

    def require_any(self) -> None:
        """Raises Unguarded when nothing is said."""
        if self.tags is None and not self.version:
            raise Unguarded(
                "send If-Match with the ETag of your GET (`*`: whatever it is), or metadata.resourceVersion"
            )
