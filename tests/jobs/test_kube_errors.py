"""What comes back, or doesn't, becomes the right error, and says nothing secret."""

import inspect
from types import ModuleType

import aiohttp
import pytest
from aiohttp import client_exceptions, http_exceptions, web

from jobs.core.errors import (
    Conflict,
    Gone,
    KubeError,
    NotFound,
    Overloaded,
    Refused,
    Unauthorized,
    Unreachable,
)
from jobs.kube_errors import BY_EXCEPTION, FOREIGN, error_of
from tests.jobs.wire import (
    SECRETS,
    a_config_map,
    answering,
    response,
    serving,
    status,
)


@pytest.mark.parametrize(
    ("code", "reason", "message", "kind"),
    [
        (400, "BadRequest", "", Refused),
        (401, "Unauthorized", "", Unauthorized),
        (403, "Forbidden", "", Refused),
        (404, "NotFound", "", NotFound),
        (405, "MethodNotAllowed", "", Refused),
        (409, "AlreadyExists", "", Conflict),
        (410, "Expired", "", Gone),
        (415, "UnsupportedMediaType", "", Refused),
        (418, "", "", Refused),
        (422, "Invalid", "", Refused),
        (429, "TooManyRequests", "", Overloaded),
        (500, "InternalError", "failed calling webhook", Overloaded),
        (500, "", "failed to create typed patch object (shop/web; /v1, Kind=ConfigMap)", Refused),
        (500, "", "failed to convert new object (/d; apps/v1, Kind=Deployment) to proper version: quantities", Refused),
        (500, "", "etcdserver: request is too large", Refused),
        (500, "", "etcdserver: leader changed", Overloaded),
        (503, "ServiceUnavailable", "", Overloaded),
        (504, "Timeout", "", Overloaded),
    ],
)
def test_each_answer_of_the_api_server_has_its_error(code, reason, message, kind):
    error = error_of("GET /x", code, status(code, reason, message))
    assert type(error) is kind
    assert error.status == code


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (502, Unreachable),
        (404, Unreachable),
        (409, Unreachable),
        (410, Unreachable),
        (500, Unreachable),
        (302, Unreachable),
        (403, Refused),
        (503, Overloaded),
    ],
)
def test_an_answer_that_is_no_status_object_is_a_proxys(code, kind):
    assert type(error_of("GET /x", code, "<html>nope</html>")) is kind


def test_every_exception_of_aiohttps_client_has_its_error():
    server_side = (web.HTTPException, aiohttp.WebSocketError, aiohttp.WSMessageTypeError, aiohttp.EofStream)

    def raised_by(module: ModuleType):
        for value in vars(module).values():
            if inspect.isclass(value) and issubclass(value, Exception) and not issubclass(value, Warning):
                yield value

    for module in (aiohttp, client_exceptions, http_exceptions):
        for kind in raised_by(module):
            assert issubclass(kind, FOREIGN) or issubclass(kind, server_side), f"{kind} is in no line of BY_EXCEPTION"
    assert all(issubclass(ours, KubeError) for _, ours in BY_EXCEPTION)


async def test_what_the_server_quotes_of_a_secret_stays_out_of_the_error():
    words = 'Secret "web" is invalid: data[key]: Invalid value: "hunter2": not base64'
    typed = (
        "failed to create typed patch object (shop/web; /v1, Kind=Secret): "
        '.data.key: expected string, got &value.valueUnstructured{Value:"hunter2"}'
    )
    async with serving(
        answering(response(422, status(422, "Invalid", words)), response(500, status(500, "", typed)))
    ) as wire:
        kube = wire.kube()
        for _ in range(2):
            with pytest.raises(Refused) as caught:
                await kube.apply({**a_config_map(key="hunter2"), "kind": "Secret"}, SECRETS, manager="pilothouse")
            assert "hunter2" not in str(caught.value)
            assert "web" in str(caught.value)
        await kube.close()


def test_the_fields_that_the_server_names_are_kept_but_for_secrets():
    causes = [{"field": "spec.destination", "message": "Required value"}, {"message": "no field"}, "nonsense"]
    body = {"kind": "Status", "message": "spec.destination: Required value", "details": {"causes": causes}}
    assert error_of("PUT /apis/x/y", 422, body).causes == (("spec.destination", "Required value"),)
    assert error_of("PUT /api/v1/namespaces/a/secrets/b", 422, body).causes == ()
    assert error_of("PUT /apis/x/y", 422, {**body, "details": None}).causes == ()
