"""Settings of both processes, read once at start from `PILOTHOUSE_*` and handed down as arguments."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

CommaList = Annotated[tuple[str, ...], NoDecode]


class SettingsError(Exception):
    """A setting is missing or wrong; the message names the variable and says what it takes."""


class Settings(BaseSettings):
    """What the worker and the receiver share. Every field is documented in docs/settings.md."""

    model_config = SettingsConfigDict(
        env_prefix="PILOTHOUSE_", frozen=True, extra="ignore", env_ignore_empty=True, populate_by_name=True
    )

    kubeconfig: str | None = Field(default=None, validation_alias="KUBECONFIG")
    """Path of a kubeconfig; None: the account the pod runs as."""
    namespaces: CommaList = ("pilothouse",)
    """Namespaces whose Applications are served; the first one, home, holds Secrets and AppProjects."""
    installation: str = Field(default="default", pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$")
    """Part of the tracking id, so that two Pilothouses on one cluster don't touch each other's objects."""
    redis_url: SecretStr = SecretStr("redis://127.0.0.1:6379/0")
    """redis://, rediss://, unix:// or redis+sentinel://; secret, since it may hold a password."""
    worker_listen: str = "0.0.0.0:8081"
    """Address of the worker's /healthz and /metrics."""
    lease_s: float = Field(default=15.0, ge=1.0, le=300.0)
    """How long a claim of an application lives without being renewed, in seconds."""
    data_dir: Path = Field(default_factory=lambda: default_data_dir(os.environ))
    """Git mirrors and charts; a cache, may be emptied while no worker runs."""
    sweep_interval_s: float = Field(default=60.0, ge=1.0)
    """Seconds between two sweeps of a cluster: one list for each kind finds what its watches missed."""
    audit_interval_s: float = Field(default=86_400.0, ge=1.0)
    """Seconds between two full comparisons of one application, although nothing seems to have changed."""
    git_poll_interval_s: float = Field(default=180.0, ge=1.0)
    """Seconds between two ls-remote of one repository, for webhooks that never came."""
    git_protocols: CommaList = ("https", "ssh")
    """Transports Git may use; `http` and `file` are for tests and the demo."""
    refresh_interval_s: float = Field(default=0.2, ge=0.0, le=60.0)
    """Least time between two fetches of one repository by one worker, in seconds; pushes that come sooner wait."""
    git_timeout_s: float = Field(default=60.0, ge=1.0)
    """Longest time of one git command, in seconds."""
    git_max_read_mb: int = Field(default=100, ge=1)
    """Most that the files of one source may hold together, in MB (Argo CD's limit for streamed manifests)."""
    helm_binary: Path | None = None
    """Render with this helm instead of the built-in one."""
    renderers: int = Field(default=2, ge=1, le=64)
    """Render processes of one worker; each costs about 80 MB."""
    render_timeout_s: float = Field(default=30.0, ge=0.1)
    """Longest time of one render, in seconds."""
    render_memory_mb: int = Field(default=3072, ge=512)
    """Address space of one render process, in MB."""
    concurrency: int = Field(default=16, ge=1, le=64)
    """Applications one worker deploys at the same time."""
    repository_concurrency: int = Field(default=12, ge=1, le=1000)
    """Applications of one repository that all workers together deploy at the same time."""
    cluster_concurrency: int = Field(default=32, ge=1, le=1000)
    """Applications of one destination cluster that all workers together deploy at the same time."""
    impersonation: bool = False
    """Whether destinations are written to as the service account that the AppProject names."""
    wave_timeout_s: float = Field(default=600.0, ge=1.0)
    """Longest time a phase of a sync waits, in seconds for each wave it has."""
    generic_health: bool = False
    """Whether kinds without a health rule are judged by the conditions that are usual."""
    log_level: str = Field(default="info", pattern="^(debug|info|warning|error)$")
    """debug, info, warning or error."""

    @field_validator("namespaces", "git_protocols", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("namespaces", "git_protocols")
    @classmethod
    def _not_empty(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise ValueError("must name at least one")
        return value

    @property
    def home(self) -> str:
        """The namespace of Secrets, ConfigMaps and AppProjects."""
        return self.namespaces[0]


def default_data_dir(environment: Mapping[str, str]) -> Path:
    """The user's cache folder (https://specifications.freedesktop.org/basedir-spec/latest/)."""
    cache = environment.get("XDG_CACHE_HOME") or str(Path(environment.get("HOME") or "/nonexistent") / ".cache")
    return Path(cache) / "pilothouse"


S = TypeVar("S", bound=BaseSettings)


def read(kind: type[S], **given: Any) -> S:
    """Settings from the environment; `given` values win. Raises SettingsError naming every wrong variable."""
    try:
        return kind(**given)
    except ValidationError as error:
        # Only names and messages: pydantic's own text repeats the input, which may be a secret.
        problems = "; ".join(f"{_variable(item['loc'])}: {item['msg']}" for item in error.errors(include_input=False))
        raise SettingsError(f"{problems} (see docs/settings.md)") from None


def _variable(location: tuple[int | str, ...]) -> str:
    name = str(location[0]) if location else "settings"
    return name if name.isupper() else f"PILOTHOUSE_{name.upper()}"
