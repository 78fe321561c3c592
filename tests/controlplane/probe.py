"""Asks a part of the control plane, from plain blocking code, whether it is up."""

import http.client
import json
import ssl
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

TIMEOUT_S = 5.0


def etcd_member_names(client_url: str) -> list[str]:
    """The names of the members behind this address; empty while nobody answers.

    Names tell our etcd from one of another process that was quicker to take the port.
    """
    request = urllib.request.Request(f"{client_url}/v3/cluster/member/list", data=b"{}", method="POST")
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:
            return [member.get("name", "") for member in json.load(response).get("members", [])]
    except (OSError, http.client.HTTPException, ValueError):
        return []


class Probe:
    """GET requests to one API server. Until its certificate is on disk it counts as not there."""

    def __init__(self, url: str, ca_file: Path, token: str) -> None:
        self._url = url
        self._ca_file = ca_file
        self._headers = {"Authorization": f"Bearer {token}"}
        self._context: ssl.SSLContext | None = None

    def get(self, path: str) -> Any:
        """The parsed JSON (or the text) of a 200, else None."""
        try:
            if self._context is None:
                self._context = ssl.create_default_context(cafile=self._ca_file)
            request = urllib.request.Request(self._url + path, headers=self._headers)
            with urllib.request.urlopen(request, timeout=TIMEOUT_S, context=self._context) as response:
                body = response.read()
        except (OSError, http.client.HTTPException):
            return None
        return json.loads(body) if body.startswith(b"{") else body.decode()
