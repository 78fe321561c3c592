"""Fields that hold Pilothouse back, and which it does not know yet: they refuse the sync, never are skipped in silence.

A restriction nobody enforces is worse than an error: its author believes it holds (design.md, part 4).
"""

from collections.abc import Iterable, Mapping
from typing import Any

from jobs.core.application import Application
from jobs.core.fields import Fields
from jobs.core.objects import Manifest
from jobs.core.sync_policy import option_value

SYNC_OPTIONS = "argocd.argoproj.io/sync-options"
"""Annotation with a comma list of options for one object."""
COMPARE_OPTIONS = "argocd.argoproj.io/compare-options"
KEEP = "helm.sh/resource-policy"

HARMLESS = frozenset(
    {
        "ApplyOutOfSyncOnly",  # always so
        "ClientSideApplyMigration",  # always so: other tools' fields are taken over
        "CreateNamespace",
        "Delete",
        "FailOnSharedResource",  # always so
        "Prune",
        "PruneLast",  # always so
        "PrunePropagationPolicy",
        "ServerSideApply",  # always so
        "SkipDryRunOnMissingResource",  # always so where the plan brings the CRD
        "Validate",
    }
)
"""Options that are followed, or that are always so here."""
KNOWN_VALUES: Mapping[str, frozenset[str]] = {
    "Prune": frozenset({"true", "false", "confirm"}),
    "Delete": frozenset({"true", "false", "confirm"}),
    "Validate": frozenset({"true", "false"}),
    "CreateNamespace": frozenset({"true", "false"}),
    "PrunePropagationPolicy": frozenset({"foreground", "background", "orphan"}),
}


def application_refusals(application: Application) -> tuple[str, ...]:
    """Why this Application can't be synced yet, one sentence for each field."""
    found = [f"{path} is not supported yet" for source in application.sources for path in source.unsupported]
    if application.ignore_differences:
        found.append(
            "spec.ignoreDifferences is not supported yet: remove it, or the fields it names, from the Application"
        )
    if application.spec.get("sourceHydrator"):
        found.append("spec.sourceHydrator is not supported yet")
    found += [f"spec.syncPolicy.syncOptions: {problem}" for problem in option_problems(application.policy.options)]
    return (*found, *_operation_refusals(application))


def _operation_refusals(application: Application) -> tuple[str, ...]:
    """What a person asked for in this one sync and would not get: doing something else instead helps nobody."""
    sync = Fields(application.operation or {}, "operation").inner("sync")
    strategy = sync.inner("syncStrategy")
    forced = [strategy.inner(name).at("force") for name in ("apply", "hook") if strategy.inner(name).flag("force")]
    found = [*forced, *([strategy.at("apply")] if strategy.has("apply") and not forced else [])]
    found += [sync.at("manifests")] if sync.items("manifests") else []
    found += [sync.at("syncOptions")] if set(sync.texts("syncOptions")) - set(application.policy.options) else []
    several = len(application.sources) > 1 and bool(sync.text("revision")) and not sync.items("revisions")
    found += [f"{sync.at('revision')} with several sources"] if several else []
    return tuple(f"{path} is not supported yet" for path in found)


def object_refusals(manifest: Manifest) -> tuple[str, ...]:
    """Why this object's own options can't be followed yet, one sentence each."""
    found = [
        f"annotation {SYNC_OPTIONS}: {problem}" for problem in option_problems(object_options(manifest.annotations))
    ]
    return tuple(f"{manifest.id}: {problem}" for problem in found)


def object_options(annotations: Mapping[str, str]) -> tuple[str, ...]:
    """The sync options an object carries, Helm's keep included."""
    options = [part.strip() for part in annotations.get(SYNC_OPTIONS, "").split(",") if part.strip()]
    if annotations.get(KEEP, "").strip().lower() == "keep":
        options.append("Delete=false")
    return tuple(options)


def compares_admission(annotations: Mapping[str, str]) -> bool:
    """Whether what admission changes counts as drift for this object."""
    options = tuple(part.strip() for part in annotations.get(COMPARE_OPTIONS, "").split(","))
    return option_value(options, "IncludeMutationWebhook") == "true"


def option_problems(options: Iterable[str]) -> tuple[str, ...]:
    """The options that are not known, or have a value that isn't; `Name=false` of an unknown one is no restriction."""
    found = []
    for option in options:
        name, _, value = (part.strip() for part in option.partition("="))
        if name not in HARMLESS and value != "false":
            found.append(f"{option} is not supported yet")
        elif name in KNOWN_VALUES and value not in KNOWN_VALUES[name]:
            found.append(f"{option} is unknown; {name} takes {', '.join(sorted(KNOWN_VALUES[name]))}")
    return tuple(found)


def unsupported_fields(spec: Mapping[str, Any]) -> tuple[str, ...]:
    """Restricting fields of an AppProject's spec that are not enforced yet."""
    return tuple(name for name in ("signatureKeys", "sourceIntegrity") if spec.get(name))
