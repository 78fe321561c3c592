"""The Argo projects and those beside them: Rollouts, Events, ApplicationSet, Image Updater, Promoter, Numaflow.

Workflow and Application: health_kinds.py.
"""

from jobs.core.health_rule import table

RULES = table(
    """
argoproj.io: Rollout
  # https://argo-rollouts.readthedocs.io/en/stable/features/kustomize/#status ; before 1.0 there was no phase
  says .status.message
  behind -> Progressing
  !.status.observedGeneration -> Progressing
  InvalidSpec=True -> Degraded
  Progressing=True|False|Unknown(RolloutAborted|ProgressDeadlineExceeded) -> Degraded
  .status.phase=Degraded -> Degraded
  .spec.paused=true -> Suspended
  .status.pauseConditions -> Suspended
  .status.phase=Paused -> Suspended
  .status.phase=Progressing -> Progressing
  .status.phase=Healthy -> Healthy
  .status.updatedReplicas<.spec.replicas?1 -> Progressing
  .status.availableReplicas<.status.updatedReplicas -> Progressing
  .status.currentPodHash=.status.stableRS -> Healthy

argoproj.io: AnalysisRun
  says .status.message
  .status.phase=Successful -> Healthy
  .status.phase=Failed|Error -> Degraded
  .status.phase=Inconclusive -> Unknown

argoproj.io: Experiment
  says .status.message
  .status.phase=Successful -> Healthy
  .status.phase=Failed|Error -> Degraded

argoproj.io: ApplicationSet
  ErrorOccurred=True -> Degraded
  ResourcesUpToDate=False -> Degraded
  RolloutProgressing=True -> Progressing
  ResourcesUpToDate=True -> Healthy

argoproj.io: CronWorkflow
  SpecError=True -> Degraded
  SubmissionError=True -> Degraded
  otherwise -> Healthy

argoproj.io: EventBus
  Deployed=False -> Degraded
  Deployed=True -> Healthy

argoproj.io: EventSource
  Deployed=False -> Degraded
  SourcesProvided=False -> Degraded
  Deployed=True -> Healthy

argoproj.io: Sensor
  Deployed=False -> Degraded
  DependenciesProvided=False -> Degraded
  TriggersProvided=False -> Degraded
  Deployed=True -> Healthy

argocd-image-updater.argoproj.io: ImageUpdater
  behind -> Progressing
  Error=True -> Degraded
  Reconciling=True -> Progressing
  Ready=False -> Degraded
  Ready=True -> Healthy

promoter.argoproj.io: ArgoCDCommitStatus
  current
  Ready=False(ReconciliationError) -> Degraded
  Ready=True|False & !.status.applicationsSelected -> Degraded
  Ready=True|False -> Healthy

promoter.argoproj.io: CommitStatus, GitCommitStatus, TimedCommitStatus, WebRequestCommitStatus
  current
  Ready=False(ReconciliationError) -> Degraded
  Ready=True|False -> Healthy

promoter.argoproj.io: ChangeTransferPolicy
  current
  Ready=False(ReconciliationError) -> Degraded
  !.status.active.dry.sha -> Progressing
  .status.active.dry.sha!=.status.proposed.dry.sha -> Progressing
  Ready=True|False -> Healthy

promoter.argoproj.io: PromotionStrategy
  current
  Ready=False(ReconciliationError) -> Degraded
  Ready=True|False & !.status.environments -> Degraded
  .status.environments[].active.dry.sha!=.status.environments[].proposed.dry.sha -> Progressing
  Ready=True|False & !.status.environments[].active.dry.sha -> Progressing
  Ready=True|False -> Healthy

promoter.argoproj.io: PullRequest, GitRepository, ScmProvider, ClusterScmProvider
  current
  Reconciled=False -> Degraded
  Ready=False -> Degraded
  Ready=Unknown -> Progressing
  Reconciled=True -> Healthy
  Ready=True -> Healthy

numaflow.numaproj.io: Pipeline, MonoVertex, InterStepBufferService, Vertex
  says .status.message
  behind -> Progressing
  .status.phase=Failed -> Degraded
  .metadata.labels["numaplane.numaproj.io/progressive-result-state"]=failed -> Degraded
  *=False -> Degraded
  .status.phase=Running|Paused|Pausing -> Healthy

numaplane.numaproj.io: PipelineRollout, MonoVertexRollout, ISBServiceRollout, NumaflowControllerRollout
  says .status.message
  current
  behind -> Progressing
  ProgressiveUpgradeSucceeded=False -> Degraded
  .status.phase=Failed -> Degraded
  .status.upgradeInProgress -> Progressing
  ChildResourcesHealthy=False(Progressing) -> Progressing
  ChildResourcesHealthy=False -> Degraded
  PipelinePausingOrPaused=True -> Suspended
  MonoVertexPausingOrPaused=True -> Healthy
  ChildResourcesHealthy=True & .status.phase=Deployed -> Healthy
"""
)
