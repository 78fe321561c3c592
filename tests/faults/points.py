"""The requests of a deploy at which the worker is killed, in the order of the deploy. NAME stands for the Application.

Each pair: one in the first deploy, which creates the namespace and everything in it, and one in a second, by a push
that changes every object and drops one. Those in MORE are for the long run.
"""

from tests.faults.proxy import Point

STATUS = r"^PATCH .*/applications/NAME\?"
REFRESHED = r"git-upload-pack"


def _object(plural: str) -> str:
    return rf"^PATCH .*/namespaces/NAME/{plural}\?"


def before(service: str, pattern: str, nth: int = 1) -> Point:
    """It is never forwarded."""
    return Point(service, pattern, nth)


def after(service: str, pattern: str, nth: int = 1) -> Point:
    """It is done, but the worker never learns."""
    return Point(service, pattern, nth, after=True)


API = (
    (after("api", STATUS), after("api", r"^DELETE .*/NAME/jobs/before")),
    (after("api", r"^PATCH /api/v1/namespaces/NAME\?"), before("api", _object("jobs/before"))),
    (after("api", _object("jobs/before")), after("api", _object("jobs/before"))),
    (after("api", _object("configmaps/settings")), before("api", r"^DELETE .*/NAME/configmaps/old")),
    (after("api", _object("deployments/web")), after("api", r"^DELETE .*/NAME/configmaps/old")),
    (before("api", STATUS, 5), after("api", STATUS, 5)),
)
QUEUE_AND_GIT = (
    (after("valkey", r"^CLAIM .*application:[^/]+/NAME\b"), after("valkey", r"^CLAIM .*repository:")),
    (before("valkey", r"^DONE application:[^/]+/NAME "), before("valkey", r"^MARK application:[^/]+/NAME .*push")),
    (after("valkey", r"^DONE application:[^/]+/NAME "), after("valkey", r"^MARK application:[^/]+/NAME .*push")),
    (after("valkey", r"^MARK application:[^/]+/NAME .*changed"), before("git", rf"^GET .*{REFRESHED}")),
    (before("git", rf"^POST .*{REFRESHED}", 2), after("git", rf"^POST .*{REFRESHED}", 2)),
)
MORE = (
    (before("api", _object("secrets/password")), before("api", _object("configmaps/settings"))),
    (after("api", _object("jobs/behind")), after("api", r"^DELETE .*/NAME/jobs/behind")),
    (before("valkey", r"^DONE application:[^/]+/NAME \w+   "), before("valkey", r"^DONE repository:")),
    (before("api", STATUS), before("api", STATUS)),
    (before("api", r"^PATCH /api/v1/namespaces/NAME\?"), before("api", r"^DELETE .*/NAME/jobs/before")),
    (before("api", _object("jobs/before")), before("api", STATUS, 2)),
    (after("api", STATUS, 2), after("api", STATUS, 2)),
    (after("api", _object("secrets/password")), after("api", _object("secrets/password"))),
    (before("api", _object("services/web")), after("api", _object("services/web"))),
    (before("api", _object("deployments/web")), after("api", _object("deployments/web"))),
    (before("api", STATUS, 3), after("api", STATUS, 3)),
    (before("api", _object("jobs/behind")), before("api", r"^DELETE .*/NAME/jobs/behind")),
    (after("api", STATUS, 5), before("api", _object("jobs/behind"))),
    (after("api", STATUS, 4), after("api", _object("jobs/behind"))),
    (before("valkey", r"^PUBLISH"), before("valkey", r"^PUBLISH")),
    (after("valkey", r"^DONE application:[^/]+/NAME \w+   "), after("valkey", r"^DONE repository:")),
    (before("valkey", r"^CLAIM "), before("valkey", r"^CLAIM ")),
    (after("git", rf"^GET .*{REFRESHED}"), before("git", rf"^POST .*{REFRESHED}")),
)
