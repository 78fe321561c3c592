import pytest
from pydantic import SecretStr

from jobs.settings import SettingsError, read
from receiver.settings import ReceiverSettings
from receiver.webhook_secrets import all_keys


def test_defaults_serve_all_addresses_and_refuse_unsigned_deliveries() -> None:
    settings = ReceiverSettings()
    assert settings.address == ("0.0.0.0", 8080)
    assert settings.max_body_bytes == 10_000_000
    assert not settings.allow_unsigned_webhooks
    assert settings.own_secrets == {}


@pytest.mark.parametrize(
    ("listen", "address"), [(":8080", ("", 8080)), ("[::]:0", ("::", 0)), ("localhost:65535", ("localhost", 65535))]
)
def test_an_address_is_host_and_port(listen: str, address: tuple[str, int]) -> None:
    assert ReceiverSettings(listen=listen).address == address


@pytest.mark.parametrize("listen", ["8080", "x:", "x:y", "x:65536", "::1:80", "x:\u0663"])
def test_an_address_that_is_none_fails_at_start_with_its_name(listen: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PILOTHOUSE_LISTEN", listen)
    with pytest.raises(SettingsError, match="PILOTHOUSE_LISTEN"):
        read(ReceiverSettings)


def test_the_shared_settings_are_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PILOTHOUSE_NAMESPACES", "a,b")
    monkeypatch.setenv("PILOTHOUSE_WEBHOOK_GITHUB_SECRET", "planted")
    settings = read(ReceiverSettings)
    assert settings.home == "a"
    assert settings.own_secrets == {"webhook.github.secret": "planted"}
    assert "planted" not in repr(settings)


@pytest.mark.parametrize("key", all_keys())
def test_every_key_of_a_webhook_secret_is_a_setting_too(key: str) -> None:
    settings = ReceiverSettings(**{key.replace(".", "_"): SecretStr("planted")})  # type: ignore[arg-type]
    assert settings.own_secrets == {key: "planted"}
    assert "planted" not in repr(settings)
