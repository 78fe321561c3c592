"""What all tests share: the test control plane's fixtures. Everything else lives in the areas' own conftest.py."""

pytest_plugins = ["tests.controlplane.plugin"]
