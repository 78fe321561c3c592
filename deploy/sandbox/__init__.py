"""A Kubernetes API in memory, spoken to over HTTP: for the demo and for fast tests.

It behaves like the real one (tests/contract run the same assertions against both) but keeps nothing and knows no nodes.
It shares no code with Pilothouse: a fake that shares code shares mistakes.
"""

from deploy.sandbox.sandbox import Sandbox
from deploy.sandbox.state import Config, User

__all__ = ["Config", "Sandbox", "User"]
