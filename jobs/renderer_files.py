"""Files inside the renderer: a repository's tar with its symlinks followed inside it, and chart archives, bounded.

Child side. Nothing is ever written to disk or read from it here, so a link or path that leads out has nowhere to lead.
"""

import io
import posixpath
import tarfile
import zlib
from collections.abc import Iterator, Mapping

from jobs.core.errors import RenderError

MAX_UNPACKED = 100 << 20
"""Bytes one chart archive may unpack to: Helm's own limit."""
MAX_LINKS = 40
"""Symlinks followed for one path, as in Linux."""


class Repository:
    """Files of one repository at one commit, from a tar. Symlinks are followed inside the repository only."""

    def __init__(self, archive: bytes) -> None:
        self._files: dict[str, bytes] = {}
        self._links: dict[str, str] = {}
        self._folders: dict[str, set[str]] = {"": set()}
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:") as tar:
            for member in tar:
                self._add(tar, member)

    def _add(self, tar: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        path = posixpath.normpath(_readable(member.name))
        if member.issym():
            self._links[path] = member.linkname
        elif member.isfile():
            content = tar.extractfile(member)
            self._files[path] = content.read() if content else b""
        elif not member.isdir():
            return
        while path not in ("", "."):
            folder, _, name = path.rpartition("/")
            self._folders.setdefault(folder, set()).add(name)
            path = folder

    def real(self, path: str) -> str:
        """The path without symlinks; it need not exist. Raises RenderError if a link leads out or in a circle."""
        done: list[str] = []
        todo = _parts(path)
        links = 0
        while todo:
            part = todo.pop(0)
            if part == "..":
                if not done:
                    raise RenderError(f"{path} is or has a symlink out of the repository; only its own files are read")
                done.pop()
                continue
            here = "/".join((*done, part))
            target = self._links.get(here)
            if target is None:
                done.append(part)
                continue
            links += 1
            if links > MAX_LINKS:
                raise RenderError(f"{path} is a circle of symlinks")
            if target.startswith("/"):
                raise RenderError(
                    f"{here} is a symlink out of the repository, to {target}; only its own files are read"
                )
            todo = _parts(target) + todo
        return "/".join(done)

    def read(self, path: str) -> bytes | None:
        """The content of a file; None: there is none."""
        return self._files.get(self.real(path))

    def walk(self, folder: str) -> Iterator[tuple[str, bytes]]:
        """Every file below a folder, by its path relative to it, in lexical order; links are followed."""
        yield from self._walk(self.real(folder), "", 0)

    def _walk(self, folder: str, prefix: str, depth: int) -> Iterator[tuple[str, bytes]]:
        if depth > MAX_LINKS:
            raise RenderError(f"{prefix.rstrip('/')} is a circle of symlinks or nested too deeply")
        for name in sorted(self._folders.get(folder, ())):
            real = self.real(f"{folder}/{name}")
            if real in self._files:
                yield prefix + name, self._files[real]
            elif real in self._folders:
                yield from self._walk(real, f"{prefix}{name}/", depth + 1)
            elif f"{folder}/{name}".strip("/") in self._links:
                raise RenderError(f"{f'{folder}/{name}'.strip('/')} is a symlink to {real}, which is not there")


def _readable(name: str) -> str:
    """The name of a file, unless it is no UTF-8: neither Helm nor a message can hold such a name."""
    try:
        name.encode()
    except UnicodeEncodeError:
        raise RenderError(f"the file name {name!a} is no UTF-8") from None
    return name


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]


def unpacked(archive: bytes, name: str) -> dict[str, bytes]:
    """The files of a packaged chart without its top folder; links are left out, as in Helm. Raises RenderError."""
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(_inflated(archive, name)), mode="r:") as tar:
            for member in tar:
                if member.isfile():
                    content = tar.extractfile(member)
                    found[_inside(_readable(member.name), name)] = content.read() if content else b""
    except (tarfile.TarError, zlib.error, EOFError) as error:
        raise RenderError(f"{name} is not a chart archive: {error}") from None
    return found


def _inflated(archive: bytes, name: str) -> bytes:
    """The content of a gzip file, at most MAX_UNPACKED: a small file may unpack to terabytes."""
    content = b""
    while archive.strip(b"\0"):
        member = zlib.decompressobj(wbits=31)
        content += member.decompress(archive, MAX_UNPACKED + 1 - len(content))
        if len(content) > MAX_UNPACKED:
            raise RenderError(f"{name} unpacks to more than {MAX_UNPACKED >> 20} MB, the limit of a chart archive")
        if not member.eof:
            raise RenderError(f"{name} is cut off")
        archive = member.unused_data
    return content


def _inside(path: str, archive: str) -> str:
    parts = path.replace("\\", "/").split("/")
    if path.startswith("/") or ".." in parts or len(parts) < 2:
        raise RenderError(f"{archive} holds the illegal path {path!r}")
    return "/".join(parts[1:])


def packed(files: Mapping[str, bytes]) -> bytes:
    """Files as an uncompressed .tgz with one top folder, as Helm loads it."""
    blocks = []
    for path, content in files.items():
        blocks += [_header(f"chart/{path}", len(content)), content, b"\0" * (-len(content) % tarfile.BLOCKSIZE)]
    deflate = zlib.compressobj(level=0, wbits=31)
    return deflate.compress(b"".join([*blocks, b"\0" * 2 * tarfile.BLOCKSIZE])) + deflate.flush()


def _header(path: str, size: int) -> bytes:
    """A file's header (https://www.gnu.org/software/tar/manual/html_node/Standard.html); tarfile takes far longer."""
    name = path.encode()
    if len(name) > tarfile.LENGTH_NAME:
        member = tarfile.TarInfo(path)
        member.size = size
        return member.tobuf(tarfile.PAX_FORMAT)
    fields = [name.ljust(100, b"\0"), b"0000644\0", b"0000000\0" * 2, b"%011o\0" % size, b"0" * 11 + b"\0"]
    start, end = b"".join(fields), b"0" + b"\0" * 100 + b"ustar\x0000" + b"\0" * 247
    checksum = sum(start) + sum(end) + 8 * ord(" ")
    return start + b"%06o\0 " % checksum + end
