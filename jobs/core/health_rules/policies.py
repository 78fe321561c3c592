"""Policies and tenants: Kyverno, Gatekeeper, Capsule, Keycloak."""

from jobs.core.health_rule import table

RULES = table(
    """
kyverno.io: ClusterPolicy
  # https://kyverno.io/docs/policy-types/cluster-policy/
  Ready=True -> Healthy
  Ready=False|Unknown -> Degraded

kyverno.io: Policy
  Ready=True -> Healthy
  Ready=False(!Failed) -> Progressing
  Ready=False -> Degraded

policies.kyverno.io: ValidatingPolicy, MutatingPolicy, GeneratingPolicy, DeletingPolicy, ImageValidatingPolicy
policies.kyverno.io: NamespacedValidatingPolicy, NamespacedMutatingPolicy, NamespacedGeneratingPolicy
policies.kyverno.io: NamespacedDeletingPolicy, NamespacedImageValidatingPolicy
  conditions .status.conditionStatus.conditions
  says .status.conditionStatus.message
  .status.conditionStatus.conditions[].observedGeneration<.metadata.generation -> Progressing
  .status.conditionStatus.ready=true -> Healthy
  *=False -> Degraded
  .status.conditionStatus.ready=false -> Degraded

templates.gatekeeper.sh: ConstraintTemplate
  # https://open-policy-agent.github.io/gatekeeper/website/docs/howto : each pod tells its own errors
  says .status.byPod[].errors[].message
  .status.byPod[].errors -> Degraded
  .status.byPod[].observedGeneration<.metadata.generation -> Progressing
  .status.created=true -> Healthy

constraints.gatekeeper.sh: *
mutations.gatekeeper.sh: *
  says .status.byPod[].errors[].message
  .status.byPod[].errors -> Degraded
  .status.byPod[].enforced=false -> Progressing
  .status.byPod[].enforced=true -> Healthy

capsule.clastix.io: Tenant, TenantOwner, TenantResource, GlobalTenantResource
  behind -> Progressing
  Cordoned=True -> Suspended
  Ready=False -> Degraded
  Ready=True -> Healthy

capsule.clastix.io: CapsuleConfiguration, CustomQuota, GlobalCustomQuota, ResourcePool
capsule.clastix.io: ProxySetting, GlobalProxySettings
  behind -> Progressing
  Ready=False -> Degraded
  Ready=True -> Healthy

capsule.clastix.io: ResourcePoolClaim
  behind -> Progressing
  Bound=False -> Suspended
  Ready=False -> Degraded
  Ready=True -> Healthy

k8s.keycloak.org: Keycloak
  behind -> Progressing
  HasErrors=True -> Degraded
  Ready=True -> Healthy

k8s.keycloak.org: KeycloakRealmImport
  HasErrors=True -> Degraded
  Done=True -> Healthy
"""
)
