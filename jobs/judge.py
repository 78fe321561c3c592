"""What people's own health scripts say of live objects, and the rule for kinds without any; told before the core asks.

The core stays pure: it is given verdicts as data. A script runs in a sandboxed renderer, never here, and only once for
each state of an object, so that a sweep over an unchanged cluster runs none.
"""

import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from pebble import ProcessExpired

from jobs import renderer_main
from jobs.clusters import Home
from jobs.core.fingerprint import digest
from jobs.core.health import by_conditions
from jobs.core.health_scripts import CONFIG_MAPS, LEGACY, Script, Scripts, scripts_of
from jobs.core.health_status import Health, HealthStatus, unknown
from jobs.core.masked import masked
from jobs.core.objects import ObjectId, identity, metadata_of
from jobs.render import Renderers
from jobs.renderer_lua import Verdict
from jobs.together import together

Json = Mapping[str, Any]

PARALLEL = 4
"""Scripts of one application that are under way at once."""
SCRIPT_S = 1
"""Processor seconds one script may use, as in Argo CD."""
GRACE_S = 1.0
"""Seconds a script then has to end by itself before its process is killed: some things cannot be broken off."""
READ_YAML_S = 5.0
BENCHED_S = 60.0
"""Seconds for which a script that hit a limit is not run again: it would hold up every render."""
REMEMBERED = 20_000
"""Verdicts a worker remembers; about 300 bytes each."""
BELIEVED_S = 600.0
"""How long a verdict is believed of an object that does not change."""


class Judge:
    """The scripts of this installation, and what they said."""

    def __init__(self, home: Home, renderers: Renderers, *, generic: bool) -> None:
        """generic: whether kinds without any rule are judged by the usual conditions."""
        self._home = home
        self._renderers = renderers
        self._generic = generic
        self._written: tuple[bytes, Scripts] = (b"", Scripts())
        """A fingerprint of the ConfigMaps, and the scripts in them."""
        self._known: OrderedDict[tuple[bytes, str], tuple[Health, float]] = OrderedDict()
        self._benched: dict[bytes, tuple[str, float]] = {}

    async def scripts(self) -> Scripts:
        """The scripts as they are written now, or were a few seconds ago."""
        data = {name: await self._home.config_map(name) for name in CONFIG_MAPS}
        fingerprint = digest(data)
        if fingerprint != self._written[0]:
            self._written = (fingerprint, await self._read(data))
        return self._written[1]

    async def said(self, bodies: Iterable[Json]) -> dict[ObjectId, Health]:
        """What scripts, or else the rule for all kinds, say of live objects; left out: those nothing is said of.

        Never raises for what a script does: then the object is Unknown, with the reason.
        """
        scripts, found, asked = await self.scripts(), {}, []
        for body in bodies if scripts or self._generic else ():
            target = identity(body)
            script = scripts.of(*target.group_kind)
            if script is not None:
                asked.append((target, script, body))
            elif self._generic and (health := by_conditions(body)):
                found[target] = health
        answers = await together((self._of(script, body) for _, script, body in asked), at_once=PARALLEL)
        return found | {target: health for (target, _, _), health in zip(asked, answers, strict=True)}

    async def _read(self, data: Mapping[str, Mapping[str, str]]) -> Scripts:
        legacy, problems = {}, []
        for name in CONFIG_MAPS:
            text = data[name].get(LEGACY, "")
            if not text.strip():
                continue
            place = f"ConfigMap {name}, {LEGACY}"
            try:
                content = orjson.loads(
                    await self._renderers.run(renderer_main.mapping, text, place, timeout_s=READ_YAML_S)
                )
            except (TimeoutError, ProcessExpired):
                content = {"error": f"{place}: it cannot be read within {READ_YAML_S:g} s"}
            legacy[name] = content.get("mapping", {})
            problems += [content["error"]] if "error" in content else []
        scripts = scripts_of(data, legacy)
        return Scripts(scripts.exact, scripts.wild, (*problems, *scripts.problems))

    async def _of(self, script: Script, body: Json) -> Health:
        key = (script.fingerprint, _state(body))
        health, judged_at = self._known.get(key, (None, 0.0))
        if health is not None and time.monotonic() - judged_at < BELIEVED_S:
            self._known.move_to_end(key)
            return health
        why, until = self._benched.get(key[0], ("", 0.0))
        if time.monotonic() < until:
            return unknown(f"the health script is not run for a while: {why}")
        health, keep = _read(await self._run(script, body))
        if keep:
            self._known[key] = (health, time.monotonic())
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return health

    async def _run(self, script: Script, body: Json) -> Verdict:
        """The verdict; a script that hit a limit is benched."""
        try:
            # A script's message is shown to whoever may see the Application, so it never sees a Secret's values.
            text = orjson.dumps(masked(body))
        except TypeError:
            return Verdict(message="the object is nested too deeply for it", failed=True)
        try:
            said = await self._renderers.run(
                renderer_main.verdict, script.text, text, script.open_libs, SCRIPT_S, timeout_s=SCRIPT_S + GRACE_S
            )
        except TimeoutError:
            said = Verdict(
                message=f"it ran longer than its limit of {SCRIPT_S:g} s and was killed", failed=True, spent=True
            )
        except ProcessExpired as error:
            said = Verdict(message=f"its process died ({error.exitcode})", failed=True, spent=True)
        if said.spent:
            self._benched[script.fingerprint] = (said.message, time.monotonic() + BENCHED_S)
        return said


def _read(said: Verdict) -> tuple[Health, bool]:
    """The health in a verdict, and whether it holds as long as the object stays as it is."""
    if said.failed:
        return unknown(f"the health script failed: {said.message}"), not said.spent
    try:
        return Health(HealthStatus(said.status), said.message), not said.timed
    except ValueError:
        return unknown(f"the health script says {said.status!r}, which is none of {', '.join(HealthStatus)}"), True


def _state(body: Json) -> str:
    """Equal only for one object in one state."""
    metadata = metadata_of(body)
    uid, version = metadata.get("uid"), metadata.get("resourceVersion")
    return f"{uid}/{version}" if uid and version else digest(body).hex()
