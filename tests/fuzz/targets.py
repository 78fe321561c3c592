"""What is fuzzed: each takes any bytes and raises only when the code under it did what it must not.

Called by hypothesis in the suite (test_parsers.py) and by atheris for longer (`make fuzz`).
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from jobs.core.errors import InvalidSpecError
from jobs.core.repository import MAX_NAME, Repository
from receiver.delivery import HOSTS, host_of, id_of, judge
from receiver.errors import DeliveryError
from receiver.payload import json_of
from receiver.push import Delivery, Ignored, Push
from receiver.sources import networks
from receiver.webhook_secrets import WebhookSecret, gathered, vouched, worth_trying

SECRETS = (WebhookSecret(b"one"), WebhookSecret(b"two", ("h.example/*",)))
PUSHES = ("push", "Push Hook", "Tag Push Hook", "System Hook", "repo:push", "repo:refs_changed", "")
"""What the hosts call a push; Azure DevOps says it in the body."""
DELIVERIES = Path(__file__).parents[1] / "deliveries"


def delivery_of(data: bytes) -> Delivery:
    """Headers, one a line, an empty line, the body; as `seeds` writes it."""
    head, _, body = data.partition(b"\n\n")
    lines = (line.partition(":") for line in head.decode("utf-8", "surrogateescape").split("\n"))
    return Delivery({name.strip().lower(): value.strip() for name, _, value in lines}, body)


def judged(data: bytes) -> None:
    """Any delivery is taken, ignored or refused; nothing unproven is taken."""
    delivery = delivery_of(data)
    with suppress(DeliveryError):
        host = host_of(delivery)
        assert id_of(host, delivery).isascii()
        verdict = judge(host, delivery, SECRETS)
        raise AssertionError(f"{verdict} although nobody knows the secrets")


def parsed(data: bytes) -> None:
    """A body of any shape, believed as if it were signed, is read by every host or refused."""
    delivery = delivery_of(data)
    with suppress(DeliveryError):
        payload = json_of(delivery)
        for host in HOSTS:
            for event in (delivery.header(host.event_header), *PUSHES):
                with suppress(DeliveryError):
                    _sound(host.provider.parse(event, payload))


def _sound(told: Push | Ignored) -> None:
    assert isinstance(told, Push | Ignored)
    if isinstance(told, Push):
        assert told.urls
        assert told.changes
        assert all(change.ref.isprintable() for change in told.changes)


def named(data: bytes) -> None:
    """Any text is a repository's name, the same when it is written as that name, or refused."""
    with suppress(InvalidSpecError):
        name = Repository.of(data.decode("utf-8", "surrogateescape")).name
        assert name.isprintable()
        assert 0 < len(name) <= MAX_NAME
        # A path has no scheme, and https drops its own port: 443 of another scheme is another server.
        if not name.startswith("file://") and not name.partition("/")[0].endswith(":443"):
            assert Repository.of(f"https://{name}").name == name


def configured(data: bytes) -> None:
    """Secrets of any content are used or named as a problem, and never shown."""
    parts = [*data.split(b"\n\n"), b"", b"", b""]
    shared = {"webhook.github.secret": parts[0], "webhook.gitlab.secret": b"$" + parts[1]}
    found = gathered({"gitea": "own"}, shared, {"a.url": parts[2], "a.secret": parts[1], "b.url": parts[0]})
    every = found.of("github")
    assert all(secret.value for secret in every)
    assert len(worth_trying(every, data)) <= 100
    vouched((Repository("h.example/a"),), every, every)


def trusted(data: bytes) -> None:
    """Any text is a network or refused."""
    with suppress(ValueError):
        networks([data.decode("utf-8", "surrogateescape")])


TARGETS: tuple[Callable[[bytes], None], ...] = (judged, parsed, named, configured, trusted)


def seeds() -> Iterator[bytes]:
    """What is known to go deep: each recorded delivery, for the first two targets."""
    for path in sorted(DELIVERIES.glob("*/*/body")):
        data = (path.parent / "headers").read_bytes().strip() + b"\n\n" + path.read_bytes()
        yield b"\x00" + data
        yield b"\x01" + data
    for url in (
        b"git@h.example:a/b.git",
        b"https://u:p@h.example:8443/a%20b.git",
        b"https://org@dev.azure.com/o/p/_git/r",
    ):
        yield b"\x02" + url


def target(data: bytes) -> None:
    """The first byte says which."""
    if data:
        TARGETS[data[0] % len(TARGETS)](data[1:])
