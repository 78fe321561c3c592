"""Resources of clouds: Crossplane and Upbound, the controllers of AWS, Azure and Google, kro, SAP, Apigee."""

from jobs.core.health_rule import table

RULES = table(
    """
*.crossplane.io: *
*.upbound.io: *
  # https://docs.crossplane.io/latest/guides/crossplane-with-argo-cd/ : what never has a status is well as it is
  LastAsyncOperation=False -> Degraded
  Synced=False -> Degraded
  Ready=True -> Healthy
  Healthy=True -> Healthy
  Offered=True -> Healthy
  Established=True -> Healthy
  ValidPipeline=True -> Healthy
  RevisionHealthy=True -> Healthy
  Succeeded=False -> Degraded
  Succeeded=True -> Healthy
  .kind=ProviderConfig|ClusterProviderConfig & .status.users -> Healthy
  .kind=Composition|CompositionRevision|DeploymentRuntimeConfig|ControllerConfig|EnvironmentConfig & !.status -> Healthy
  .kind=ImageConfig|StoreConfig|Lock|ProviderConfig|ClusterProviderConfig|ProviderConfigUsage & !.status -> Healthy

*.services.k8s.aws: *
  # https://aws-controllers-k8s.github.io/docs/
  .kind=FieldExport -> Healthy
  ACK.Terminal=True -> Degraded
  Ready=False -> Progressing
  Ready=True -> Healthy
  ACK.ResourceSynced=True -> Healthy
  ACK.Adopted=True -> Healthy

*.azure.com: *
  # https://azure.github.io/azure-service-operator/guide/conditions : only after an Error it gives up
  current
  Ready=False{Error} -> Degraded
  Ready=True -> Healthy

core.cnrm.cloud.google.com: ConfigConnector, ConfigConnectorContext
  says .status.errors[]
  behind -> Progressing
  .status.healthy=false -> Degraded
  .status.healthy=true -> Healthy

*.cnrm.cloud.google.com: *
  # https://cloud.google.com/config-connector/docs/how-to/monitoring-your-resources
  behind -> Progressing
  *=True(UpToDate) -> Healthy
  *=False|Unknown(UpdateFailed|DependencyNotFound|DependencyInvalid) -> Degraded
  *=False|Unknown(DependencyNotReady) -> Suspended

kro.run: ResourceGraphDefinition
  current
  Ready=True -> Healthy
  *=False -> Degraded

kro.run: *
  current
  Ready=True -> Healthy
  *=False & .status.state=FAILED|ERROR -> Degraded

services.cloud.sap.com: ServiceInstance, ServiceBinding
  Failed=True -> Degraded
  Succeeded=False(CreateInProgress|UpdateInProgress|DeleteInProgress) -> Progressing
  Succeeded=False -> Degraded
  Succeeded=True -> Healthy

apigee.cloud.google.com: ApigeeDatastore, ApigeeDeployment, ApigeeEnvironment
apigee.cloud.google.com: ApigeeOrganization, ApigeeRedis, ApigeeTelemetry
  # They never say that they failed.
  .status.state=running -> Healthy
"""
)
