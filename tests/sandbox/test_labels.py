"""The index of labels."""

from deploy.sandbox.controllers.labels import LabelIndex


def test_names_are_found_by_all_of_their_labels() -> None:
    index = LabelIndex()
    index.put("n", "a", {"app": "web", "tier": "front"})
    index.put("n", "b", {"app": "web"})
    index.put("other", "c", {"app": "web"})
    assert index.with_all("n", {"app": "web"}) == ["a", "b"]
    assert index.with_all("n", {"app": "web", "tier": "front"}) == ["a"]
    assert index.with_all("n", {}) == []


def test_selectors_are_found_by_the_labels_they_take() -> None:
    index = LabelIndex()
    index.put("n", "wide", {"app": "web"})
    index.put("n", "narrow", {"app": "web", "tier": "front"})
    assert index.within("n", {"app": "web", "x": "y"}) == ["wide"]
    assert index.within("n", {"app": "web", "tier": "front"}) == ["narrow", "wide"]
    assert index.within("other", {"app": "web"}) == []


def test_new_labels_replace_the_old_and_none_forget() -> None:
    index = LabelIndex()
    index.put("n", "a", {"app": "web"})
    index.put("n", "a", {"app": "api"})
    assert (index.with_all("n", {"app": "web"}), index.with_all("n", {"app": "api"})) == ([], ["a"])
    index.put("n", "a", {})
    assert index.with_all("n", {"app": "api"}) == []
