"""The kinds an Application ever applied, as an annotation."""

from hypothesis import given
from hypothesis import strategies as st

from jobs.core.application import KINDS
from jobs.core.kinds import kinds_of, kinds_text

KIND = st.from_regex(r"[A-Z][A-Za-z]{0,10}", fullmatch=True)
GROUP = st.just("") | st.from_regex(r"[a-z][a-z0-9]{0,5}(\.[a-z]{1,5}){0,2}", fullmatch=True)


@given(st.frozensets(st.tuples(GROUP, KIND)))
def test_kinds_survive_being_written(kinds: frozenset[tuple[str, str]]) -> None:
    assert kinds_of({KINDS: kinds_text(kinds)}) == kinds


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    assert all(kind for _, kind in kinds_of({KINDS: text}))


def test_kinds_are_written_sorted() -> None:
    assert kinds_text({("", "Service"), ("apps", "Deployment")}) == "Deployment.apps,Service"
    assert kinds_of({}) == frozenset()
