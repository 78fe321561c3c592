"""Splitting, hooks and the order of installation, as in `helm template`."""

from typing import Any

from jobs.core.helm_order import Document, in_helm_order, is_source, split_file, split_rendered


def a_document(kind: str, origin: str = "c/templates/a.yaml", number: int = 1, hook: str | None = None) -> Document:
    metadata: dict[str, Any] = {"name": "x"}
    if hook is not None:
        metadata["annotations"] = {"helm.sh/hook": hook}
    return Document(origin, number, 0, {"kind": kind, "metadata": metadata})


def kinds(documents: list[Document]) -> list[str]:
    return [str(document.body["kind"]) for document in documents]


def test_kinds_are_in_install_order_and_unknown_ones_last_by_name() -> None:
    found = in_helm_order(map(a_document, ["Zoo", "Deployment", "Aaa", "Service", "Namespace", "IngressClass"]))
    assert kinds(found) == ["Namespace", "Service", "Deployment", "IngressClass", "Aaa", "Zoo"]


def test_within_a_kind_files_and_documents_keep_their_order() -> None:
    found = in_helm_order([a_document("Pod", "b", 2), a_document("Pod", "b", 1), a_document("Pod", "a", 1)])
    assert [(document.origin, document.number) for document in found] == [("a", 1), ("b", 1), ("b", 2)]


def test_hooks_come_last_and_unknown_events_drop_the_document() -> None:
    documents = [
        a_document("Job", hook="pre-install, POST-upgrade"),
        a_document("Service"),
        a_document("ConfigMap", hook="test-success"),
        a_document("Pod", hook="pre-install,crd-install"),
        a_document("Secret", hook=""),
    ]
    assert kinds(in_helm_order(documents)) == ["Service", "ConfigMap", "Job"]
    assert kinds(in_helm_order(documents, skip_tests=True)) == ["Service", "Job"]


def test_annotations_that_are_no_mapping_are_no_hook() -> None:
    odd = Document("a", 1, 0, {"kind": "Pod", "metadata": {"annotations": ["x"]}})
    assert in_helm_order([odd]) == [odd]


def test_rendered_texts_split_as_helm_splits_them() -> None:
    assert split_rendered("\n---\na: 1\n---\n\n--- # comment\nb: 2\n") == ["a: 1\n", "--- # comment\nb: 2\n\n"]
    assert split_rendered("a: |\n  x\n  ---\n  y") == ["a: |\n  x\n  ---\n  y\n"]
    assert split_rendered("  \n") == []


def test_files_split_at_marker_lines_and_know_their_lines() -> None:
    text = "# head\n---\na: 1\n--- \nb: '---'\n---\n---\r\nc: 3\n----\n"
    assert [line for line, _ in split_file(text)] == [1, 2, 4, 7]
    assert split_file("--- {a: 1}\n") == [(1, "{a: 1}\n")]


def test_notes_and_partials_are_no_manifests() -> None:
    assert is_source("c/templates/a.yaml")
    assert not is_source("c/templates/NOTES.txt")
    assert not is_source("c/charts/s/templates/NOTES.txt")
    assert not is_source("c/templates/_helpers.tpl")
