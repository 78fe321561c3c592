"""An index of labels (or selectors) to the objects that have them, so that nobody has to look at all objects."""

Item = tuple[str, str, str]
"""Namespace, label, value."""


class LabelIndex:
    """Label -> names, by namespace."""

    def __init__(self) -> None:
        self._names: dict[Item, set[str]] = {}
        self._labels: dict[tuple[str, str], dict[str, str]] = {}

    def put(self, namespace: str, name: str, labels: dict[str, str]) -> None:
        """Note an object's labels in place of those it had; none: forget it."""
        before = self._labels.pop((namespace, name), {})
        for item in before.items() - labels.items():
            self._names[namespace, *item].discard(name)
            if not self._names[namespace, *item]:
                del self._names[namespace, *item]
        for item in labels.items() - before.items():
            self._names.setdefault((namespace, *item), set()).add(name)
        if labels:
            self._labels[namespace, name] = labels

    def with_all(self, namespace: str, labels: dict[str, str]) -> list[str]:
        """The names that have all of these labels, sorted."""
        found = [self._names.get((namespace, *item), set()) for item in labels.items()]
        return sorted(set.intersection(*found)) if found else []

    def within(self, namespace: str, labels: dict[str, str]) -> list[str]:
        """The names whose labels are all among these, sorted."""
        near = {name for item in labels.items() for name in self._names.get((namespace, *item), ())}
        return sorted(name for name in near if self._labels[namespace, name].items() <= labels.items())
