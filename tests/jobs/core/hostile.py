"""Strategies for what anybody may have written: any JSON, and objects whose known fields hold anything."""

import copy
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

TEXTS = st.text(max_size=12)
SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | TEXTS
JSON: st.SearchStrategy[Any] = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=6
)


def twisted(example: Any) -> st.SearchStrategy[Any]:
    """The example with up to four of its parts taken away or replaced by any JSON."""
    paths = st.sampled_from(sorted(_paths(example), key=str))
    return st.lists(st.tuples(paths, JSON | st.just(GONE)), min_size=1, max_size=4).map(
        lambda twists: _twist(example, twists)
    )


GONE = object()


def _paths(example: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    parts = example.items() if isinstance(example, dict) else enumerate(example) if isinstance(example, list) else ()
    for name, part in parts:
        yield (*path, name)
        yield from _paths(part, (*path, name))


def _twist(example: Any, twists: list[tuple[tuple[Any, ...], Any]]) -> Any:
    found = copy.deepcopy(example)
    for (*above, name), value in twists:
        here = found
        for part in above:
            fits = (isinstance(here, dict) and part in here) or (isinstance(here, list) and part == 0 and here)
            here = here[part] if fits else None
        if isinstance(here, dict):
            here.pop(name, None)
            if value is not GONE:
                here[name] = value
        elif isinstance(here, list) and here:
            here[0] = None if value is GONE else value
    return found


STATUS = {
    "sync": {"status": "Synced", "revision": "c" * 40, "revisions": ["c"], "comparedTo": {"destination": {}}},
    "health": {"status": "Healthy", "message": "", "lastTransitionTime": "2026-11-01T12:00:00Z"},
    "operationState": {
        "operation": {"initiatedBy": {"automated": True, "username": "ada"}, "sync": {"revision": "main"}},
        "phase": "Running",
        "message": "",
        "startedAt": "2026-11-01T12:00:00Z",
        "retryCount": 1,
        "syncResult": {
            "revision": "c",
            "revisions": ["c"],
            "resources": [{"kind": "ConfigMap", "name": "a", "hookPhase": "Running", "syncPhase": "Sync"}],
        },
    },
    "resources": [{"kind": "ConfigMap", "name": "a", "health": {"status": "Healthy"}, "requiresPruning": False}],
    "history": [{"id": 3, "revision": "c", "revisions": ["c"], "source": {"repoURL": "u"}, "sources": [{"path": "."}]}],
    "conditions": [{"type": "SyncError", "message": "no", "lastTransitionTime": "2026-11-01T12:00:00Z"}],
    "summary": {"images": ["web:1"]},
    "sourceType": "Helm",
    "controllerNamespace": "argocd",
}
APPLICATION = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "Application",
    "metadata": {
        "name": "web",
        "namespace": "pilothouse",
        "uid": "u",
        "resourceVersion": "7",
        "generation": 2,
        "labels": {"a": "b"},
        "finalizers": ["resources-finalizer.argocd.argoproj.io"],
        "annotations": {
            "argocd.argoproj.io/refresh": "hard",
            "pilothouse.dev/run": f"op.claim.{'k' * 32}",
            "pilothouse.dev/kinds": "ConfigMap,Deployment.apps",
            "pilothouse.dev/source-key": "k,f,3",
            "pilothouse.dev/phase": "PreSync 2026-11-01T12:00:00Z",
            "pilothouse.dev/phase-timeout": "30m, PreSync=2h",
        },
        "deletionTimestamp": "2026-11-01T12:00:00Z",
    },
    "spec": {
        "project": "default",
        "source": {
            "repoURL": "https://git.example.org/shop.git",
            "path": "charts/web",
            "targetRevision": "main",
            "helm": {
                "valueFiles": ["values.yaml"],
                "parameters": [{"name": "a", "value": "b", "forceString": True}],
                "fileParameters": [{"name": "a", "path": "b"}],
                "valuesObject": {"a": 1},
                "values": "a: 1",
                "apiVersions": ["v1"],
            },
            "directory": {"recurse": True, "jsonnet": {"extVars": [{"name": "a"}]}},
            "kustomize": {"images": ["a"]},
        },
        "sources": [{"repoURL": "https://git.example.org/shop.git", "ref": "values"}],
        "destination": {"server": "https://kubernetes.default.svc", "namespace": "shop"},
        "ignoreDifferences": [{"kind": "Deployment"}],
        "revisionHistoryLimit": 3,
        "syncPolicy": {
            "automated": {"enabled": True, "prune": True, "selfHeal": True, "allowEmpty": False},
            "syncOptions": ["CreateNamespace=true"],
            "retry": {"limit": 3, "backoff": {"duration": "5s", "factor": 2, "maxDuration": "3m"}},
            "managedNamespaceMetadata": {"labels": {"a": "b"}, "annotations": {"a": "b"}},
        },
    },
    "operation": {
        "initiatedBy": {"username": "ada", "automated": False},
        "sync": {"revision": "main", "prune": True, "dryRun": False, "resources": [{"kind": "ConfigMap", "name": "a"}]},
    },
    "status": STATUS,
}
"""Every field of an Application that Pilothouse reads, with a fitting value."""

APPLICATIONS = twisted(APPLICATION)
