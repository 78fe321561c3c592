"""Plain YAML and JSON files of a folder, from files to documents. Child side."""

from jobs.core.directory import chosen, is_skipped
from jobs.core.errors import RenderError
from jobs.core.helm_order import Document, split_file
from jobs.core.render_limits import RenderLimits
from jobs.core.render_request import RenderRequest
from jobs.renderer import mapping_of
from jobs.renderer_chart import text_of
from jobs.renderer_files import Repository


def documents(request: RenderRequest, limits: RenderLimits) -> list[Document]:
    """The documents by file, in lexical order. Raises RenderError naming file and document."""
    repository = Repository(request.archives[""])
    files = dict(repository.walk(request.path))
    names = chosen(files, recurse=request.recurse, include=request.include, exclude=request.exclude)
    if sum(len(files[name]) for name in names) > limits.output_mb << 20:
        raise RenderError(f"{request.path}: its files are larger than the output limit of {limits.output_mb} MB")
    return [document for name in names for document in _documents(name, text_of(files[name], name))]


def _documents(name: str, text: str) -> list[Document]:
    if is_skipped(text):
        return []
    found = []
    for number, (line, part) in enumerate(split_file(text), 1):
        body = mapping_of(part, f"{name} (document {number}, line {line})")
        if body:
            found.append(Document(name, number, line, body))
    return found
