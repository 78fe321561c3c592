"""What delivers and runs pipelines: Flux, Flagger, Tekton, Pulumi, Operator Lifecycle Manager, OpenKruise Rollout."""

from jobs.core.health_rule import table

RULES = table(
    """
helm.toolkit.fluxcd.io: HelmRelease
  # https://fluxcd.io/flux/components/helm/helmreleases/#conditions
  current
  .spec.suspend=true -> Suspended
  Stalled=True -> Degraded
  Ready=False -> Degraded
  TestSuccess=False -> Degraded
  Reconciling=True -> Progressing
  Ready=True -> Healthy

kustomize.toolkit.fluxcd.io: Kustomization
  current
  .spec.suspend=true -> Suspended
  Stalled=True -> Degraded
  Ready=False -> Degraded
  Reconciling=True -> Progressing
  Ready=True -> Healthy

source.toolkit.fluxcd.io: GitRepository, OCIRepository, Bucket, HelmChart
  current
  .spec.suspend=true -> Suspended
  Stalled=True -> Degraded
  Ready=False -> Degraded
  Reconciling=True -> Progressing
  Ready=True -> Healthy

source.toolkit.fluxcd.io: HelmRepository
  # https://fluxcd.io/flux/components/source/helmrepositories/#helmrepository-status : one of OCI says nothing
  current
  .spec.suspend=true -> Suspended
  .spec.type=oci -> Healthy
  Stalled=True -> Degraded
  Ready=False -> Degraded
  Reconciling=True -> Progressing
  Ready=True -> Healthy

image.toolkit.fluxcd.io: ImagePolicy
  current
  Ready=False & Reconciling=True(NewGeneration|AccessingRepository|ApplyingPolicy) -> Progressing
  Ready=False -> Degraded
  Reconciling=True -> Progressing
  Ready=True -> Healthy

image.toolkit.fluxcd.io: ImageRepository, ImageUpdateAutomation
  current
  .spec.suspend=true -> Suspended
  Stalled=True -> Degraded
  Ready=False -> Degraded
  Reconciling=True -> Progressing
  Ready=True -> Healthy

notification.toolkit.fluxcd.io: Receiver
  current
  Ready=False -> Degraded
  Reconciling=True -> Progressing
  Ready=True -> Healthy

flagger.app: Canary
  .status.phase=Failed -> Degraded
  .status.phase=Succeeded|Initialized -> Healthy

rollouts.kruise.io: Rollout
  says .status.message
  behind -> Progressing
  .status.canaryStatus.currentStepState=StepPaused & .status.phase=Terminating|Disabled -> Degraded
  .status.canaryStatus.currentStepState=StepPaused & .status.phase=Progressing -> Suspended
  .status.canaryStatus.currentStepState=Completed & .status.phase=Healthy -> Healthy

tekton.dev: PipelineRun, TaskRun, CustomRun
  # https://tekton.dev/docs/pipelines/pipelineruns/#monitoring-execution-status
  Succeeded=False -> Degraded
  Succeeded=True -> Healthy

operator.tekton.dev: TektonConfig, TektonPipeline, TektonTrigger, TektonDashboard, TektonChain
  Ready=False -> Degraded
  Ready=True -> Healthy

pulumi.com: Stack
  Stalled=True -> Degraded
  Reconciling=True -> Progressing
  Ready=True -> Healthy

operators.coreos.com: Subscription
  CatalogSourcesUnhealthy=True -> Degraded
  InstallPlanFailed=True -> Degraded
  ResolutionFailed=True -> Degraded
  InstallPlanMissing=True(!ReferencedInstallPlanNotFound) -> Degraded
  InstallPlanPending=True -> Progressing
  .status.conditions -> Healthy

operators.coreos.com: ClusterServiceVersion
  says .status.message
  .status.phase=Succeeded -> Healthy
  .status.phase=Failed -> Degraded
"""
)
