"""Settings from the environment; what is wrong is named and never repeated."""

from pathlib import Path

import pytest

from jobs.settings import Settings, SettingsError, default_data_dir, read


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in [*os.environ]:
        if name.startswith("PILOTHOUSE_") or name == "KUBECONFIG":
            monkeypatch.delenv(name)


def test_the_defaults_are_the_documented_ones() -> None:
    settings = read(Settings)
    assert (settings.namespaces, settings.home, settings.installation) == (("pilothouse",), "pilothouse", "default")
    assert (settings.lease_s, settings.sweep_interval_s, settings.git_poll_interval_s) == (15, 60, 180)
    assert settings.git_protocols == ("https", "ssh")
    assert settings.kubeconfig is None


def test_lists_are_written_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PILOTHOUSE_NAMESPACES", " home , team-a,")
    settings = read(Settings)
    assert (settings.namespaces, settings.home) == (("home", "team-a"), "home")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PILOTHOUSE_LEASE_S", "soon"),
        ("PILOTHOUSE_LEASE_S", "0"),
        ("PILOTHOUSE_NAMESPACES", ","),
        ("PILOTHOUSE_INSTALLATION", "a/b"),
        ("PILOTHOUSE_LOG_LEVEL", "loud"),
        ("PILOTHOUSE_RENDERERS", "0"),
    ],
)
def test_a_wrong_value_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=rf"{name}: .*see docs/settings\.md"):
        read(Settings)


def test_the_address_of_valkey_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PILOTHOUSE_REDIS_URL", "redis://:hunter2@valkey:6379/0")
    monkeypatch.setenv("PILOTHOUSE_LEASE_S", "soon")
    with pytest.raises(SettingsError) as caught:
        read(Settings)
    assert "hunter2" not in str(caught.value)
    monkeypatch.delenv("PILOTHOUSE_LEASE_S")
    assert "hunter2" not in repr(read(Settings))


def test_an_empty_variable_is_an_absent_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PILOTHOUSE_LEASE_S", "")
    assert read(Settings).lease_s == 15


def test_given_values_win_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PILOTHOUSE_INSTALLATION", "a")
    assert read(Settings, installation="b").installation == "b"


def test_caches_are_kept_where_the_user_has_them() -> None:
    assert default_data_dir({"XDG_CACHE_HOME": "/c", "HOME": "/h"}) == Path("/c/pilothouse")
    assert default_data_dir({"HOME": "/h"}) == Path("/h/.cache/pilothouse")
