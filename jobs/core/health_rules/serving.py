"""Serving, batch and streams: Knative, KServe, KEDA, Ray, Spark, Flink, OpenKruise, OpenFaaS, Camel, 3scale."""

from jobs.core.health_rule import table

RULES = table(
    """
serving.knative.dev: Service, Configuration, Route, Revision, DomainMapping
  # https://knative.dev/docs/serving/services/ : Unknown is how Knative says that it works on it
  *=False -> Degraded
  *=Unknown -> Progressing
  Ready=True -> Healthy

operator.knative.dev: KnativeServing, KnativeEventing
  DeploymentsAvailable=False -> Progressing
  *=Unknown -> Progressing
  *=False -> Degraded
  Ready=True -> Healthy

serving.kserve.io: InferenceService
  *=False -> Degraded
  *=Unknown -> Progressing
  PredictorReady=True -> Healthy

serving.kserve.io: LLMInferenceService
  current
  behind -> Progressing
  *=True|False|Unknown(Stopped) -> Suspended
  Ready=True -> Healthy
  Ready=False -> Degraded

keda.sh: ScaledObject
  # https://keda.sh/docs/latest/reference/scaledobject-spec/
  Ready=False -> Degraded
  Fallback=True -> Degraded
  Ready=True & Paused=True -> Suspended
  Ready=True -> Healthy

keda.sh: ScaledJob
  Ready=False|Unknown -> Degraded
  Ready=True & Paused=True -> Suspended
  Ready=True -> Healthy

ray.io: RayCluster
  # https://docs.ray.io/en/latest/cluster/kubernetes/
  says .status.reason
  behind -> Progressing
  ReplicaFailure=True -> Degraded
  .status.state=failed -> Degraded
  RayClusterSuspended=True -> Suspended
  .status.state=suspended -> Suspended
  HeadPodReady=False -> Progressing
  RayClusterProvisioned=True -> Healthy
  .status.state=ready -> Healthy

ray.io: RayService
  behind -> Progressing
  UpgradeInProgress=True -> Progressing
  Ready=True -> Healthy
  .status.serviceStatus=Running -> Healthy

ray.io: RayJob
  says .status.message
  .status.jobDeploymentStatus=Failed|ValidationFailed -> Degraded
  .status.jobStatus=FAILED|STOPPED -> Degraded
  .status.jobDeploymentStatus=Suspended|Suspending -> Suspended
  .status.jobDeploymentStatus=Complete -> Healthy

sparkoperator.k8s.io: SparkApplication
  says .status.applicationState.errorMessage
  .status.applicationState.state=FAILED|SUBMISSION_FAILED|FAILING -> Degraded
  .status.applicationState.state=INVALIDATING -> Missing
  .status.applicationState.state=COMPLETED -> Healthy
  .status.applicationState.state=RUNNING & .status.executorState[]=PENDING -> Progressing
  .status.applicationState.state=RUNNING & .status.executorState[]=RUNNING -> Healthy

flink.apache.org: FlinkDeployment
  says .status.error
  .status.jobManagerDeploymentStatus=ERROR -> Degraded
  .status.lifecycleState=FAILED -> Degraded
  .status.reconciliationStatus.success=true -> Healthy
  .status.reconciliationStatus.state=DEPLOYED -> Healthy

flink.apache.org: FlinkSessionJob
  says .status.error
  .status.jobStatus.state=RUNNING|FINISHED -> Healthy
  .status.jobStatus.state=SUSPENDED|CANCELED -> Suspended
  .status.jobStatus.state=RECONCILING|CREATED -> Progressing
  .status.jobStatus.state=FAILED -> Degraded
  .status.error -> Degraded

flink.apache.org: FlinkBlueGreenDeployment
  says .status.error
  .status.reconciliationStatus.state=ROLLING_BACK -> Progressing
  .status.reconciliationStatus.state=ROLLED_BACK -> Degraded
  .status.blueGreenState=ACTIVE_* & .status.jobStatus.state=RESTARTING -> Degraded
  .status.blueGreenState=ACTIVE_* -> Healthy

apps.kruise.io: AdvancedCronJob
  .spec.paused=true & !.status.lastScheduleTime -> Suspended
  # Like a CronJob it may wait long for its first time.
  .status.active -> Progressing
  otherwise -> Healthy

apps.kruise.io: BroadcastJob
  .status.phase=completed & .status.succeeded=.status.desired -> Healthy
  .status.phase=failed -> Degraded
  .status.phase=paused -> Suspended

apps.kruise.io: CloneSet
  behind -> Progressing
  FailedScale=True -> Degraded
  FailedUpdate=True -> Degraded
  .spec.updateStrategy.paused=true -> Suspended
  .status.updatedAvailableReplicas=.status.replicas -> Healthy
  .status.updatedReplicas<.status.expectedUpdatedReplicas -> Progressing
  .spec.updateStrategy.partition!=0 -> Suspended

apps.kruise.io: StatefulSet
  behind -> Progressing
  FailedCreatePod=True -> Degraded
  FailedUpdatePod=True -> Degraded
  .spec.updateStrategy.rollingUpdate.paused=true -> Suspended
  .status.updatedAvailableReplicas=.status.replicas -> Healthy
  .spec.updateStrategy.rollingUpdate.partition!=0 & .status.updatedReplicas -> Suspended

apps.kruise.io: DaemonSet
  # It never says that it failed.
  behind -> Progressing
  .spec.updateStrategy.rollingUpdate.paused=true -> Suspended
  .status.updatedNumberScheduled<.status.desiredNumberScheduled -> Progressing
  .status.numberAvailable<.status.desiredNumberScheduled -> Progressing
  .status.observedGeneration -> Healthy

openfaas.com: Function
  Ready=False -> Degraded
  Stalled=True -> Degraded
  Ready=True & .status.replicas<1 -> Suspended
  Ready=True -> Healthy

camel.apache.org: Integration, IntegrationPlatform, Kamelet, Pipe
  Ready=False -> Degraded
  Ready=True -> Healthy

apps.3scale.net: APIManager
  .status.deployments.starting -> Progressing
  .status.deployments.stopped -> Progressing
  .status.deployments.ready -> Healthy
  Available=True -> Healthy
  Available=False -> Degraded

capabilities.3scale.net: Application, ApplicationAuth, DeveloperAccount, ProxyConfigPromote
  Failed=True -> Degraded
  Invalid=True -> Degraded
  Orphan=True -> Degraded
  In-progress=True -> Progressing
  Ready=True -> Healthy

capabilities.3scale.net: DeveloperUser
  .status.developerUserState=suspended -> Suspended
  Failed=True -> Degraded
  Invalid=True -> Degraded
  Orphan=True -> Degraded
  Ready=True -> Healthy

capabilities.3scale.net: ActiveDoc, CustomPolicyDefinition, OpenAPI
  Failed=True -> Degraded
  Invalid=True -> Degraded
  Orphan=True -> Degraded
  Ready=True -> Healthy

capabilities.3scale.net: Backend, Product
  Failed=True -> Degraded
  Invalid=True -> Degraded
  Synced=True -> Healthy

capabilities.3scale.net: Tenant
  # Its controller tries for ever, and never says that it failed.
  .status.tenantId -> Healthy
"""
)
