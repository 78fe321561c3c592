"""Drops fields that the cluster does not declare, where `Validate=false` asks for it; which: core/declared.py."""

from collections.abc import Iterable
from dataclasses import replace

from jobs.core.declared import Schemas, only_declared, schemas_of
from jobs.core.errors import NotFound
from jobs.core.objects import Manifest
from jobs.core.restrictions import object_options
from jobs.core.sync_policy import option_value
from jobs.kube import Kube


async def without_undeclared(manifests: Iterable[Manifest], option: str, kube: Kube) -> tuple[Manifest, ...]:
    """The manifests, those with `Validate=false` without fields their kind does not have. Raises KubeError.

    option: the Application's own `Validate`; an object's wins. One request for each API version that is concerned.
    """
    known: dict[str, Schemas] = {}
    found = []
    for manifest in manifests:
        if (option_value(object_options(manifest.annotations), "Validate") or option) != "false":
            found.append(manifest)
            continue
        version = manifest.api_version
        if version not in known:
            known[version] = await _schemas(version, kube)
        body = only_declared(manifest.body, manifest.id, manifest.version, known[version])
        found.append(replace(manifest, body=body))
    return tuple(found)


async def _schemas(api_version: str, kube: Kube) -> Schemas:
    """What a version declares; nothing when it is not served, or not yet: its dry run says what is to be said."""
    root = "apis" if "/" in api_version else "api"
    try:
        return schemas_of(await kube.request("GET", f"/openapi/v3/{root}/{api_version}"))
    except NotFound:
        return {}
