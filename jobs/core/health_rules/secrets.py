"""Certificates and secrets: cert-manager, External Secrets, Sealed Secrets, Vault, 1Password, SOPS, GKE's own."""

from jobs.core.health_rule import table

RULES = table(
    """
cert-manager.io: Certificate
  # A renewal is under way whatever Ready still says; https://cert-manager.io/docs/usage/certificate/
  Issuing=True -> Progressing
  Ready=False -> Degraded
  Ready=True -> Healthy

cert-manager.io: Issuer, ClusterIssuer
  Ready=False -> Degraded
  Ready=True -> Healthy

cert-manager.io: CertificateRequest
  Denied=True -> Degraded
  InvalidRequest=True -> Degraded
  Ready=True -> Healthy
  Ready=False|Unknown(Pending) -> Progressing
  Ready=False|Unknown -> Degraded

acme.cert-manager.io: Challenge, Order
  says .status.reason
  .status.state=valid -> Healthy
  .status.state=invalid|expired|errored -> Degraded

trust.cert-manager.io: Bundle
  Synced=True -> Healthy
  Synced=False|Unknown -> Degraded

external-secrets.io: ExternalSecret, SecretStore, ClusterSecretStore, PushSecret
  # https://external-secrets.io/latest/api/externalsecret/
  Ready=False -> Degraded
  Ready=True -> Healthy

external-secrets.io: ClusterExternalSecret
  NotReady=True -> Degraded
  PartiallyReady=True -> Degraded
  Ready=True -> Healthy

bitnami.com: SealedSecret
  Synced=False -> Degraded
  Synced=True -> Healthy

secrets.hashicorp.com: VaultStaticSecret
  # Without a checksum no secret came; https://developer.hashicorp.com/vault/docs/deploy/kubernetes/vso
  SecretSynced=False -> Degraded
  Healthy=False -> Degraded
  .status.secretMAC -> Healthy

secrets.hashicorp.com: VaultConnection, VaultAuth
  .status.valid=false -> Degraded
  .status.valid=true -> Healthy

onepassword.com: OnePasswordItem
  Ready=False -> Degraded
  Ready=True -> Healthy

addons.projectcapsule.dev: SopsSecret, GlobalSopsSecret, SopsProvider
  behind -> Progressing
  Ready=False -> Degraded
  Ready=True -> Healthy

networking.gke.io: ManagedCertificate
  .status.domainStatus[].status=FailedNotVisible -> Degraded
  .status.certificateStatus=Active -> Healthy
"""
)
