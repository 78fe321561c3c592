"""Random values of the field table `THING`."""

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

patient = settings(deadline=None)
"""Examples take as long as the machine needs."""

TEXT = st.sampled_from(["a", "b", "c"])
PARTS = st.lists(
    st.fixed_dictionaries(
        {"id": st.integers(1, 3)}, optional={"side": st.sampled_from(["left", "right"]), "note": TEXT}
    ),
    unique_by=lambda part: (part["id"], part.get("side", "left")),
    max_size=4,
)
THINGS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "name": TEXT,
        "size": st.integers(0, 2),
        "labels": st.dictionaries(TEXT, TEXT, min_size=1, max_size=3),
        "tags": st.lists(TEXT, unique=True, min_size=1, max_size=3),
        "plain": st.lists(TEXT, min_size=1, max_size=2),
        "parts": PARTS.filter(bool),
        "block": st.just({"a": "x"}),
        "nested": st.fixed_dictionaries({"on": st.booleans()}, optional={"off": st.booleans()}),
        "free": st.dictionaries(TEXT, st.one_of(TEXT, st.dictionaries(TEXT, TEXT, min_size=1, max_size=2)), min_size=1),
    },
)
