"""The table of all routes: what serves each, and what /api/openapi.json says of it. Each is in docs/api.md, too."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version

import orjson
from aiohttp import web
from msgspec import Struct

from jobs.core.question import Question
from receiver import examples
from receiver.answers import (
    Accepted,
    Application,
    Applications,
    Document,
    Events,
    ManagedResources,
    Manifests,
    ResourceTree,
    Started,
    Status,
    StreamEvent,
    Version,
)
from receiver.api import Api
from receiver.asked import Deleted, One, Page, Rollback, Shown, Streamed, Sync, Synced
from receiver.edits import Edits
from receiver.live import Live
from receiver.openapi import EVENTS, TEXT, Good, Route, document
from receiver.operations import Operations
from receiver.probes import Probes
from receiver.stream import Stream
from receiver.webhook import Webhook
from receiver.written import WrittenApplication

LIST = "/api/v1/applications"
ONE = f"{LIST}/{{name}}"
ETAG = {"ETag": "The version of the Application."}
GUARD = {"If-Match": "The ETag of the version that is meant; `*`: whatever it is."}
INVALID = {422: "The Application makes no sense, or its AppProject forbids it; `errors` names every field."}
OUTDATED = {409: "It was changed since `metadata.resourceVersion` was read.", 412: "The same, by If-Match."}
LATE = {422: "The worker looked and could not tell; its reason."}


@dataclass(frozen=True, slots=True)
class Handlers:
    """What serves the routes."""

    webhook: Webhook
    api: Api
    edits: Edits
    operations: Operations
    live: Live
    stream: Stream
    probes: Probes


def add_routes(web_app: web.Application, handlers: Handlers) -> None:
    """Serve every route of the table, and the document that describes them."""

    async def openapi(_: web.Request) -> web.Response:
        return web.Response(body=text, content_type="application/json")

    itself = Route(
        "GET", "/api/openapi.json", openapi, "This document", {200: Good("OpenAPI 3.1.", Document)}, open=True
    )
    routes = (*table(handlers), itself)
    text = orjson.dumps(document(routes, version("pilothouse")))
    for route in routes:
        web_app.router.add_route(route.method, route.path, route.handler)


def table(handlers: Handlers) -> Sequence[Route]:
    """Every route but that of the document itself."""
    return (*_looking(handlers), *_writing(handlers), *_syncing(handlers), *_asking(handlers), *_open(handlers))


def _looking(handlers: Handlers) -> Iterable[Route]:
    listed = Good("A page.", Applications, {"items": [examples.SHOWN], "metadata": {"continue": ""}})
    expired = {410: "The continue token is too old: start again.", 404: "The namespace is not served here."}
    yield Route(
        "GET", LIST, handlers.api.applications, "List Applications", {200: listed}, query=Page, refusals=expired
    )
    followed = Good("Events for as long as the caller may.", StreamEvent, examples.STREAMED, content=EVENTS)
    yield Route(
        "GET",
        "/api/v1/stream/applications",
        handlers.stream.applications,
        "Follow Applications",
        {200: followed},
        query=Streamed,
        headers={"Last-Event-ID": "The last `id` of the stream before: go on there."},
        refusals={404: "The namespace is not served here."},
    )
    same = Good("As the ETag in If-None-Match.", headers=ETAG)
    yield Route(
        "GET",
        ONE,
        handlers.api.application,
        "Get an Application",
        {200: Good("The Application.", Application, examples.SHOWN, headers=ETAG), 304: same},
        query=Shown,
        headers={"If-None-Match": "An ETag: 304 if it is still that version."},
    )


def _writing(handlers: Handlers) -> Iterable[Route]:
    edits = handlers.edits
    made = Good("It is there.", Application, examples.SHOWN, headers={**ETAG, "Location": "Where it is."})
    taken = {409: "There is one of that name.", 404: "The namespace is not served here, or not there."}
    yield Route(
        "POST",
        LIST,
        edits.create,
        "Create an Application",
        {201: made},
        query=One,
        body=WrittenApplication,
        example=examples.WRITTEN,
        refusals={**taken, **INVALID},
    )
    yield Route(
        "PUT",
        ONE,
        edits.change,
        "Change an Application",
        {200: Good("As it is now.", Application, examples.SHOWN, headers=ETAG)},
        query=One,
        body=WrittenApplication,
        example=examples.WRITTEN,
        headers=GUARD,
        refusals={**OUTDATED, **INVALID, 428: "It is not said which version is meant."},
    )
    going = Good("Its objects are going; then it goes itself.", Application, examples.SHOWN)
    yield Route(
        "DELETE",
        ONE,
        edits.delete,
        "Delete an Application",
        {202: going, 204: Good("It is gone.")},
        query=Deleted,
        headers=GUARD,
        refusals={**OUTDATED, **INVALID},
    )


def _syncing(handlers: Handlers) -> Iterable[Route]:
    started = Good("It is asked for, and has not ended yet.", Started, examples.STARTED)
    busy = {409: "Another operation is running."}
    yield Route(
        "POST",
        f"{ONE}/sync",
        handlers.operations.sync,
        "Sync an Application",
        {202: started, 200: Good("It has ended: with `?wait=`.", Started, examples.ENDED)},
        query=Synced,
        body=Sync,
        example={"prune": True},
        refusals=busy,
    )
    yield Route(
        "POST",
        f"{ONE}/rollback",
        handlers.operations.rollback,
        "Deploy an entry of the history again",
        {202: started},
        query=One,
        body=Rollback,
        example={"id": 3},
        refusals={
            409: "Another operation is running, automated sync is on and would undo it, or there is no such entry."
        },
    )


def _asking(handlers: Handlers) -> Iterable[Route]:
    """A worker answers."""
    known: Mapping[Question, tuple[str, type[Struct], object]] = {
        Question.MANAGED_RESOURCES: ("Compare with Git", ManagedResources, examples.MANAGED_RESOURCES),
        Question.MANIFESTS: ("Render the manifests", Manifests, examples.MANIFESTS),
        Question.RESOURCE_TREE: ("Show the objects and what grew from them", ResourceTree, examples.RESOURCE_TREE),
        Question.EVENTS: ("Show the Kubernetes Events", Events, examples.EVENTS),
    }
    for question, (summary, shape, example) in known.items():
        good = {200: Good("A worker's answer, masked.", shape, example)}
        handler = handlers.live.of(question)
        yield Route("GET", f"{ONE}/{question}", handler, summary, good, query=One, refusals=LATE)


def _open(handlers: Handlers) -> Iterable[Route]:
    probes = handlers.probes
    marked = {202: Good("Marked.", Accepted, {"outcome": "marked"}), 200: Good("Nothing to do.", Accepted)}
    refused = {
        400: "No known Git host, or not what it documents.",
        401: "Signature missing or wrong, or no secret.",
        408: "The body did not come in time.",
        413: "The body is too large.",
        503: "Valkey is away: the push is remembered.",
    }
    yield Route("POST", "/api/webhook", handlers.webhook.post, "Take a push", marked, refusals=refused, open=True)
    text = Good("Prometheus' text format.", content=TEXT)
    for path, handler, summary, good in (
        ("/healthz", probes.healthz, "Whether the process answers", Good("It does.", Status, {"status": "ok"})),
        ("/metrics", probes.metrics, "Metrics", text),
        ("/api/version", probes.version, "The version", Good("It is.", Version, {"Version": version("pilothouse")})),
    ):
        yield Route("GET", path, handler, summary, {200: good}, open=True)
    ready = Good("All answer.", Status, {"status": "ok", "valkey": "ok", "kubernetes": "ok"})
    not_ready = Good("Something does not.", Status, {"status": "not ready", "valkey": "no answer", "kubernetes": "ok"})
    yield Route(
        "GET", "/readyz", probes.readyz, "Whether what it needs answers", {200: ready, 503: not_ready}, open=True
    )
