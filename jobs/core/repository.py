"""One name for a Git repository, however its address is written.

The name decides which marks and Applications meet, nothing more: at worst two repositories of one name are looked at
together. What is fetched, and with which credentials, is always the address as the Application writes it.
"""

import re
from dataclasses import dataclass
from ipaddress import IPv6Address
from urllib.parse import quote, unquote, urlsplit

from jobs.core.errors import InvalidSpecError

MAX_NAME = 1000
"""Characters; a name is a key in the queue and a field of every log line."""
MAX_URL = 2000

_DEFAULT_PORT = {"http": 80, "https": 443, "oci": 443}
_SSH = frozenset(("ssh", "git+ssh", "ssh+git", "git"))
_HOST = re.compile(r"[a-z0-9_]([a-z0-9._-]*[a-z0-9_])?")
_SCP = re.compile(r"(?:(?P<user>[^/@:\[\]]*)@)?(?P<host>\[[^\]/@]+\]|[^/:@\[\]]+):(?P<path>(?!//).*)")
"""`[user@]host:path` (https://git-scm.com/docs/git-clone#URLS); a path that starts with `//` is a URL's."""
_HELPER = re.compile(r"[A-Za-z0-9+.-]+::")
"""`ext::sh -c ...`: Git would start a program (https://git-scm.com/docs/gitremote-helpers)."""
_SSH_NAME = re.compile(r"^(?:(?:alt)?ssh\.)+(?=[^.]+\.)")
"""Hosts that offer SSH on port 443 do so under a name of its own: ssh.github.com, altssh.bitbucket.org."""
_SAFE = "~!$&'()*+,;=:@"
"""Signs that need no escape in a path segment (RFC 3986, 3.3), beside letters, digits, `-`, `.` and `_`."""


@dataclass(frozen=True, slots=True, order=True)
class Repository:
    """A repository by its name: `host[:port]/path`, in lower case, without user, `.git` and escapes that mean nothing.

    A port stays only where it tells two web servers apart: on http(s), if it is not the scheme's own. An SSH port is
    dropped, since the same repository is served over https under another one. Hosts send several addresses with a
    push (web, https, ssh); all their names are marked, so an Application is met whichever form it uses.
    """

    name: str

    @classmethod
    def of(cls, url: str) -> "Repository":
        """The repository at an address: http(s), ssh, git, oci, file, `git@host:path`, or bare `host/path`.

        Raises InvalidSpecError for what cannot be one; the message never repeats a user, password or query.
        """
        _require_plain(url)
        scheme, host, path = _parts(url)
        if scheme == "file":
            return cls("file://" + "/".join(["", *_without_suffix(_segments(url, path))]))
        segments = [segment.lower() for segment in _segments(url, path)]
        if not segments and scheme in _SSH:
            raise _wrong(url, "has no path")
        segments = _without_suffix(_known_host(host, segments))
        name = "/".join([_known_name(host), *(quote(segment, safe=_SAFE) for segment in segments)])
        if len(name) > MAX_NAME:
            raise _wrong(url, f"is longer than {MAX_NAME} characters")
        return cls(name)

    def __str__(self) -> str:
        """The name, for messages."""
        return self.name


def _require_plain(url: str) -> None:
    """Refuse what no address holds: such text is meant for a shell, a terminal or a log, not for Git."""
    if not url.strip():
        raise InvalidSpecError("the repository address is empty")
    if len(url) > MAX_URL:
        raise _wrong(url, f"is longer than {MAX_URL} characters")
    if url != url.strip() or not url.isprintable() or "\\" in url:
        raise _wrong(url, "holds blanks around it, control characters or backslashes")
    if url.startswith("-") or _HELPER.match(url):
        raise _wrong(url, "starts like an option or a helper program of Git")


def _parts(url: str) -> tuple[str, str, str]:
    """Scheme, host (with a port that counts) and escaped path; no scheme, no colon: as if https were written."""
    if "://" not in url:
        found = _SCP.fullmatch(url)
        if found:
            return "ssh", _host(url, _without_port(found["host"])), found["path"]
        return "https", *_host_and_path(url)
    try:
        split = urlsplit(url)
        port = split.port
    except ValueError:
        raise _wrong(url, "has a host or port that is none") from None
    scheme = split.scheme.lower()
    if scheme == "file":
        if split.hostname not in (None, "localhost"):
            raise _wrong(url, "is a file on another host")
        return scheme, "", split.path
    if scheme not in _DEFAULT_PORT and scheme not in _SSH:
        raise _wrong(url, "must start with https://, ssh://, or be user@host:path")
    host = _host(url, split.hostname or "")
    counts = scheme in _DEFAULT_PORT and port not in (None, _DEFAULT_PORT[scheme])
    return scheme, f"{host}:{port}" if counts else host, split.path


def _host_and_path(url: str) -> tuple[str, str]:
    """`ghcr.io/org/charts`, as registries are written. Only a dotted first part is a host, else it is a local path."""
    host, _, path = url.partition("/")
    if "." not in host.strip("."):
        raise _wrong(url, "has no host")
    return _host(url, host), path


def _without_port(host: str) -> str:
    """The inside of `[::1]` or `[host:2222]`, as the scp form allows them."""
    inner = host.strip("[]")
    return inner.split(":")[0] if host.startswith("[") and inner.count(":") == 1 else inner


def _host(url: str, written: str) -> str:
    """A host name in lower case and ASCII, or an IPv6 address in brackets, in its shortest form."""
    host = written.lower().rstrip(".")
    if ":" in host:
        try:
            return f"[{IPv6Address(host).compressed}]"
        except ValueError:
            raise _wrong(url, "has a host that is none") from None
    try:
        host = host if host.isascii() else host.encode("idna").decode("ascii")
    except UnicodeError:
        raise _wrong(url, "has a host that is none") from None
    if not _HOST.fullmatch(host):
        raise _wrong(url, "has a host that is none" if host else "has no host")
    return _SSH_NAME.sub("", host)


def _segments(url: str, path: str) -> list[str]:
    """The parts of a path, each unescaped for itself: an escaped slash stays inside its part."""
    try:
        segments = [unquote(part, errors="strict") for part in path.split("/") if part]
    except UnicodeDecodeError:
        raise _wrong(url, "has an escape that is no UTF-8") from None
    if any(part in (".", "..") or not part.isprintable() for part in segments):
        raise _wrong(url, "has a path with `.`, `..` or control characters")
    if segments and segments[0].startswith("-"):
        raise _wrong(url, "has a path that starts with a dash, which Git would take for an option")
    return segments


def _without_suffix(segments: list[str]) -> list[str]:
    """`.git` says how it is stored, not which it is. A part that is nothing else stays."""
    while segments and segments[-1].endswith(".git") and segments[-1] != ".git":
        segments = [*segments[:-1], segments[-1].removesuffix(".git")]
    return segments


def _known_name(host: str) -> str:
    return "dev.azure.com" if host.endswith(".visualstudio.com") else host


def _known_host(host: str, segments: list[str]) -> list[str]:
    """The path that the forms of hosts with more than one have in common."""
    if host == "dev.azure.com" or host.endswith(".visualstudio.com"):
        return _azure(host, segments)
    if "_git" in segments:
        return _azure_server(segments)
    return _bitbucket_server(segments)


def _azure(host: str, segments: list[str]) -> list[str]:
    """`org/project/repo`, from `v3/org/project/repo`, `org/project/_git/repo`, `org/_git/repo` and the older hosts.

    https://learn.microsoft.com/azure/devops/repos/git/use-ssh-keys-to-authenticate
    https://learn.microsoft.com/azure/devops/repos/git/limited-refs
    """
    organisation = host.removesuffix(".visualstudio.com")
    if organisation not in (host, "vs-ssh"):
        segments = [organisation, *segments]
    if segments[:1] == ["v3"]:
        segments = segments[1:]
    segments = [part for part in segments if part not in ("_full", "_optimized")]  # which refs it shows
    if segments[1:2] == ["defaultcollection"] and "_git" in segments:
        segments = [segments[0], *segments[2:]]
    if segments[1:2] == ["_git"]:  # the repository that has its project's name
        segments = [segments[0], *segments[2:3], *segments[2:]]
    return [part for part in segments if part != "_git"]


def _azure_server(segments: list[str]) -> list[str]:
    """`collection/_git/repo` and `collection/repo/_git/repo` are one, on any host: Azure DevOps Server."""
    at = segments.index("_git")
    before, after = segments[:at], segments[at + 1 :]
    while before and before[-1:] == after[:1]:
        before = before[:-1]
    return [*before, "_git", *after]


def _bitbucket_server(segments: list[str]) -> list[str]:
    """`project/repo`, from the clone form `scm/project/repo` and the web form `projects/PROJECT/repos/repo/browse`.

    https://confluence.atlassian.com/bitbucketserver/clone-a-repository-790632786.html
    """
    if len(segments) == 3 and segments[0] == "scm":
        return segments[1:]
    if len(segments) >= 4 and segments[2] == "repos" and segments[0] in ("projects", "users"):
        owner = segments[1] if segments[0] == "projects" else f"~{segments[1]}"
        return [owner, segments[3]]
    return segments


def _wrong(url: str, why: str) -> InvalidSpecError:
    """The error, with as much of the address as holds no credentials: nothing before `@`, nothing after `?` or `#`."""
    shown = re.split(r"[?#]", url.rpartition("@")[2], maxsplit=1)[0]
    return InvalidSpecError(f"the repository address {shown[:200]!r} {why}")
