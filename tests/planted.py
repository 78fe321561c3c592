"""Secrets planted all over a system, the repository that carries some of them, and how to find one that got out."""

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

PLANTED = {
    "data of a Secret": "alder-9f27c1-in-the-data",
    "stringData of a Secret": "birch-30e8b4-in-the-stringData",
    "what kubectl noted of a Secret": "cedar-77d0aa-last-applied",
    "a hand edit of a Secret": "dogwood-5c19ef-by-hand",
    "a Secret with bad base64": "elder!4b81d2-not-base64",
    "a Secret that may not change, before": "fir-c6602d-immutable",
    "a Secret that may not change, after": "gorse-18f5e9-immutable",
    "a Secret of a strict type": "hazel-aa3047-docker-config",
    "a Secret with a number where text belongs": "731940265518",
    "a value refused by a schema": "ivy-de5521-schema",
    "a hidden number of a chart": "640917735282",
    "a Secret that is no YAML": "juniper-0b9c66-yaml",
    "a value no template can use": "sorrel-7a41f8-template",
    "the password of the repository": "larch-8842f0-repository",
    "a wrong password of the repository": "maple-f17a3c-repository",
    "a password in an address": "nettle-25bb90-address",
    "Valkey": "pine-e90b48-valkey",
    "a cluster that is away": "quince-1fd6a5-cluster",
    "a cluster that refuses us": "rowan-94c07e-cluster",
}
"""Where it was put -> what must never be seen anywhere else."""

CHART = "apiVersion: v2\nname: {name}\nversion: 0.1.0\n"


def forms(secret: str) -> Iterator[str]:
    """The secret as it might be written: plain, in an address, as Base64 alone or behind a user name."""
    yield secret
    yield quote(secret, safe="")
    for text in (secret, f"git:{secret}", f"ada:{secret}", f":{secret}"):
        yield base64.b64encode(text.encode()).decode().rstrip("=")


def leaks(outputs: Mapping[str, str], others: Mapping[str, str] | None = None) -> list[str]:
    """Each place where a secret stands, planted or one of the others, with the words before it."""
    found = []
    for what, secret in {**PLANTED, **(others or {})}.items():
        for form in dict.fromkeys(forms(secret)):
            for where, text in outputs.items():
                before, is_there, _ = text.partition(form)
                if is_there:
                    found.append(f"{where}: the secret of {what}: ...{before[-200:]}<here>")
    return found


def secret(name: str, **fields: Any) -> str:
    """A Secret as JSON, which is YAML."""
    return json.dumps({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, **fields})


def files() -> dict[str, str]:
    """A folder for each Application; most of them can't be deployed."""
    given = PLANTED
    docker = "kubernetes.io/dockerconfigjson"
    return {
        "vault/Chart.yaml": CHART.format(name="vault"),
        "vault/values.yaml": f"password: {given['data of a Secret']}\n",
        "vault/templates/secret.yaml": (
            "apiVersion: v1\nkind: Secret\nmetadata: {name: vault}\n"
            "data: {password: {{ .Values.password | b64enc }}}\n"
            f"stringData: {{token: {given['stringData of a Secret']}}}\n"
        ),
        "base64/secret.yaml": secret("base64", data={"password": given["a Secret with bad base64"]}),
        "immutable/secret.yaml": immutable("before"),
        "docker/secret.yaml": secret(
            "docker", type=docker, stringData={".dockerconfigjson": given["a Secret of a strict type"]}
        ),
        "typed/secret.yaml": secret("typed", data={"pin": int(given["a Secret with a number where text belongs"])}),
        "schema/Chart.yaml": CHART.format(name="schema"),
        "schema/values.yaml": (
            f"password: {given['a value refused by a schema']}\npin: {given['a hidden number of a chart']}\n"
        ),
        "schema/values.schema.json": json.dumps(
            {
                "properties": {
                    "password": {"type": "string", "pattern": "^[0-9]+$"},
                    "pin": {"type": "integer", "maximum": 5},
                }
            }
        ),
        "schema/templates/none.yaml": "",
        "broken/Chart.yaml": CHART.format(name="broken"),
        "broken/templates/secret.yaml": (
            "apiVersion: v1\nkind: Secret\nmetadata: {name: broken}\n"
            f"stringData:\n  token: {given['a Secret that is no YAML']}: x\n"
        ),
        "template/Chart.yaml": CHART.format(name="template"),
        "template/values.yaml": f"password: {given['a value no template can use']}\n",
        "template/templates/secret.yaml": (
            "apiVersion: v1\nkind: Secret\nmetadata: {name: template}\n"
            "stringData: {token: {{ .Values.password.inner | quote }}}\n"
        ),
    }


def immutable(when: str) -> str:
    """A Secret whose data the API server does not let change."""
    value = PLANTED[f"a Secret that may not change, {when}"]
    return secret("immutable", immutable=True, stringData={"password": value})
