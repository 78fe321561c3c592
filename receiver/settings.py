"""Settings of the receiver: those of both processes, and its own. Read once at start."""

from pydantic import Field, SecretStr, field_validator

from jobs.settings import CommaList, Settings
from receiver.sources import networks
from receiver.webhook_secrets import all_keys


class ReceiverSettings(Settings):
    """What the receiver needs beside the shared settings. Every field is documented in docs/settings.md."""

    listen: str = "0.0.0.0:8080"
    """Address of the webhook and the API, `host:port`; port 0 takes a free one and logs it."""
    max_body_bytes: int = Field(default=10_000_000, ge=1_000, le=1_000_000_000)
    """Largest body accepted, in bytes; hosts cut payloads at 25 MB at most, and a push of normal size has 10 KB."""
    trusted_proxies: CommaList = ()
    """Networks of load balancers whose X-Forwarded-For says where a delivery comes from."""
    refusals_per_minute: int = Field(default=60, ge=1)
    """Refused deliveries of one source address that cost it nothing; what it sends beyond waits in line."""
    allow_unsigned_webhooks: bool = False
    """Accept deliveries of hosts without a configured secret: anybody may then cause a look at a repository."""
    webhook_github_secret: SecretStr = SecretStr("")
    """GitHub's webhook secret; empty: the one in the cluster's Secret, or none."""
    webhook_gitlab_secret: SecretStr = SecretStr("")
    """GitLab's secret token."""
    webhook_gitea_secret: SecretStr = SecretStr("")
    """Gitea's secret, and Forgejo's if it has none of its own."""
    webhook_forgejo_secret: SecretStr = SecretStr("")
    """Forgejo's own."""
    webhook_gogs_secret: SecretStr = SecretStr("")
    """Gogs's secret, and as in Argo CD that of Gitea and Forgejo while they have none."""
    webhook_bitbucket_secret: SecretStr = SecretStr("")
    """Bitbucket Cloud's secret."""
    webhook_bitbucket_uuid: SecretStr = SecretStr("")
    """The UUID of a hook at Bitbucket Cloud that has no secret."""
    webhook_bitbucketserver_secret: SecretStr = SecretStr("")
    """The secret of Bitbucket Data Center and Server."""
    webhook_azuredevops_username: SecretStr = SecretStr("")
    """The user that Azure DevOps logs in with."""
    webhook_azuredevops_password: SecretStr = SecretStr("")
    """Its password; without it there is no login."""
    webhook_generic_secret: SecretStr = SecretStr("")
    """The secret of other hosts and scripts."""

    @field_validator("listen")
    @classmethod
    def _address(cls, value: str) -> str:
        host, colon, port = value.rpartition(":")
        if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535 or (":" in host) != ("[" in host):
            raise ValueError("must be host:port, e.g. 0.0.0.0:8080 or [::]:8080")
        return value

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _networks(cls, value: object) -> object:
        given = [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value
        if isinstance(given, list | tuple):
            try:
                networks(given)
            except ValueError:
                raise ValueError("must be networks or addresses, e.g. 10.0.0.0/8,192.0.2.7") from None
        return given

    @property
    def address(self) -> tuple[str, int]:
        """Host (empty: all) and port to listen on."""
        host, _, port = self.listen.rpartition(":")
        return host.strip("[]"), int(port)

    @property
    def own_secrets(self) -> dict[str, str]:
        """Key of `pilothouse-secret` -> value, of those that are set: a field has the name of its key."""
        given = {key: getattr(self, key.replace(".", "_")).get_secret_value() for key in all_keys()}
        return {key: value for key, value in given.items() if value}
