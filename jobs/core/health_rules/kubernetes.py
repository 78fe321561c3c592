"""Kubernetes itself and its special interest groups, as far as lines suffice; the rest: health_kinds.py."""

from jobs.core.health_rule import table

RULES = table(
    """
policy: PodDisruptionBudget
  # Too few pods is a state of every roll-out, and no failure of the budget.
  *=False(!InsufficientPods) -> Degraded
  *=True|False -> Healthy

autoscaling.k8s.io: VerticalPodAutoscaler
  NoPodsMatched=True -> Degraded
  RecommendationProvided=True -> Healthy

snapshot.storage.k8s.io: VolumeSnapshot
  says .status.error.message
  .status.readyToUse=true -> Healthy
  .status.error -> Degraded

core: PersistentVolume
  says .status.message
  .status.phase=Failed -> Degraded
  .status.phase=Pending -> Progressing
  otherwise -> Healthy

jobset.x-k8s.io: JobSet
  Failed=True -> Degraded
  Completed=True -> Healthy
  Suspended=True -> Suspended

leaderworkerset.x-k8s.io: LeaderWorkerSet
  behind -> Progressing
  Available=True -> Healthy

kueue.x-k8s.io: ClusterQueue, LocalQueue, AdmissionCheck
  Active=True -> Healthy
  Active=False(Terminating) -> Progressing
  Active=False -> Degraded
"""
)
