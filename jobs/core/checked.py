"""Everything that is wrong with an Application somebody is about to write: all at once, to be mended in one go.

Whether it may be deployed is another question: project.py and restrictions.py, asked at each sync.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from jobs.core.application import Application, application_of
from jobs.core.errors import InvalidSpecError
from jobs.core.fields import Problem
from jobs.core.repository import Repository


def problems_of(body: Mapping[str, Any]) -> tuple[Problem, ...]:
    """What makes no sense, in the order of the fields, once for each field; empty: it can be written."""
    noted: list[Problem] = []
    try:
        application = application_of(body, noted)
    except InvalidSpecError as error:
        # A field with rules of its own; it hides what comes after it, no more.
        noted.append(Problem("spec", f"makes no sense: {error.message}"))
    else:
        noted += _addresses(application)
    found: dict[str, Problem] = {}
    for problem in noted:
        found.setdefault(problem.field, problem)
    return tuple(found.values())


def _addresses(application: Application) -> Iterator[Problem]:
    """Addresses that no repository can have."""
    several = bool(application.spec.get("sources"))
    for index, source in enumerate(application.sources):
        where = f"spec.sources[{index}]" if several else "spec.source"
        try:
            Repository.of(source.repo_url)
        except InvalidSpecError as error:
            yield Problem(f"{where}.repoURL", f"is no repository: {error.message}")
