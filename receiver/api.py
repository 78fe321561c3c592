"""Looking at Applications: a page of them, one of them. Who may: access.py; what was asked: asked.py, chosen.py."""

import asyncio
from collections.abc import Sequence

from aiohttp import web

from receiver.asked import Page, Shown, continue_at, etags_of, position_of, query_of, wanted_fields
from receiver.chosen import Facts, Wanted, picked
from receiver.desk import TIMEOUT_S, Desk, Object, Queue, answer, manual_mark
from receiver.shown import etag, shown, version_of

MAX_LISTS = 10
"""Of the API server for one page of ours: a filter that little meets must not read a whole cluster in one request."""


class Api:
    """The handlers and what they work with."""

    def __init__(self, desk: Desk, queue: Queue) -> None:
        self._desk, self._queue = desk, queue

    async def applications(self, request: web.Request) -> web.Response:
        """A page of Applications: of all namespaces in which the caller may list them."""
        async with asyncio.timeout(TIMEOUT_S):
            caller = await self._desk.access.caller(request)
            page = query_of(request.query, Page)
            start = position_of(page.continue_, (page.namespace,) if page.namespace else self._desk.served)
            allowed = await self._desk.listed(caller, page.namespace)
            items, following = await self._page(page, allowed, _place(start, allowed, self._desk.served))
        paths = wanted_fields(page.fields)
        return answer({"items": [picked(shown(item), paths) for item in items], "metadata": {"continue": following}})

    async def _page(self, page: Page, allowed: Sequence[str], place: tuple[int, str]) -> tuple[list[Object], str]:
        """Goes on through the namespaces until the page is full, or so much was read for it that it is time to answer.

        Then the page holds fewer than asked for, and the token says where to go on.
        """
        wanted, items = Wanted.of(page), list[Object]()
        index, token = place
        for _ in range(MAX_LISTS):
            if index == len(allowed):
                return items, ""
            if len(items) == page.limit:
                break
            found, token = await self._desk.applications.list(
                allowed[index], selector=wanted.selector, limit=page.limit - len(items), continue_=token
            )
            items += (item for item in found if wanted.meets(Facts.of(item)))
            index += not token
        return items, continue_at(allowed[index], token) if index < len(allowed) else ""

    async def application(self, request: web.Request) -> web.Response:
        """One Application; with `?refresh=` it is also asked to look anew."""
        async with asyncio.timeout(TIMEOUT_S):
            asked = await self._desk.one(request, Shown, "get")
            found = await self._desk.found(asked)
            if asked.query.refresh:
                await self._desk.applications.request_refresh(asked.namespace, asked.name, asked.query.refresh)
                await self._queue.mark([manual_mark(asked.key, found)])
                found = await self._desk.found(asked)
        known = etags_of(request.headers, "If-None-Match") or ()
        if "*" in known or version_of(found) in known:
            return web.Response(status=304, headers=etag(found))
        return answer(picked(shown(found), wanted_fields(asked.query.fields)), headers=etag(found))


def _place(start: tuple[str, str], allowed: Sequence[str], served: Sequence[str]) -> tuple[int, str]:
    """Where in the allowed namespaces a page begins, and the API server's token there.

    The one where the last page ended may be forbidden by now: then at the next one, whose own beginning it is.
    """
    namespace, token = start
    if not namespace or namespace in allowed:
        return (allowed.index(namespace) if namespace else 0), token
    passed = served[: served.index(namespace)]
    return sum(each in passed for each in allowed), ""
