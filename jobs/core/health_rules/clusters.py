"""Clusters, machines, networks, and many clusters: Cluster API, Karpenter, KubeVirt, Calico, OCM, Karmada."""

from jobs.core.health_rule import table

RULES = table(
    """
cluster.x-k8s.io: Cluster
  # https://cluster-api.sigs.k8s.io/developer/core/controllers/cluster
  .spec.paused=true -> Suspended
  Ready=False -> Degraded
  .status.phase=Failed -> Degraded
  .status.phase=Provisioned -> Healthy

cluster.x-k8s.io: Machine
  .status.phase=Failed -> Degraded
  .status.phase=Running -> Healthy

cluster.x-k8s.io: MachineDeployment, MachineSet
  .spec.paused=true -> Suspended
  .status.phase=Failed -> Degraded
  .status.phase=ScalingUp|ScalingDown -> Progressing
  .status.updatedReplicas<.status.replicas & .status.updatedReplicas -> Progressing
  .status.readyReplicas<.status.replicas -> Progressing
  .status.phase=Running -> Healthy
  .status.readyReplicas=.spec.replicas -> Healthy

cluster.x-k8s.io: MachinePool
  .status.phase=Failed|Unknown -> Degraded
  .status.phase=Running|Scaling -> Healthy

cluster.x-k8s.io: MachineHealthCheck
  .status.currentHealthy<.status.expectedMachines -> Degraded
  .status.currentHealthy=.status.expectedMachines -> Healthy

controlplane.cluster.x-k8s.io: KubeadmControlPlane
  conditions .status.conditions .status.v1beta2.conditions
  EtcdClusterHealthy=False|Unknown -> Degraded
  MachinesReady=False|Unknown -> Progressing
  MachinesUpToDate=False|Unknown -> Progressing
  ControlPlaneComponentsHealthy=False|Unknown -> Progressing
  RollingOut=True -> Progressing
  .status.updatedReplicas<.status.replicas -> Progressing
  .status.readyReplicas<.status.replicas?1 -> Progressing
  .status.readyReplicas -> Healthy

controlplane.cluster.x-k8s.io: AWSManagedControlPlane
  says .status.failureMessage
  .status.failureMessage -> Degraded
  EKSControlPlaneUpdating=True -> Progressing
  Ready=True -> Healthy
  *=False{Error} -> Degraded

addons.cluster.x-k8s.io: ClusterResourceSet
  ResourcesApplied=False -> Degraded
  ResourcesApplied=True -> Healthy

karpenter.sh: NodePool
  Ready=False -> Degraded
  Ready=True -> Healthy
  NodeClassReady=False -> Degraded

karpenter.sh: NodeClaim
  behind -> Progressing
  Disrupting=True -> Suspended
  Ready=False -> Degraded
  Ready=True -> Healthy

karpenter.k8s.aws: EC2NodeClass
karpenter.sh: EC2NodeClass
  Ready=False -> Degraded
  Ready=True -> Healthy

kubevirt.io: VirtualMachine
  says .status.printableStatus
  Paused=True -> Suspended
  .status.printableStatus=CrashLoopBackOff|ErrorUnschedulable|ErrImagePull|ImagePullBackOff|DataVolumeError -> Degraded
  Ready=True -> Healthy
  Ready=False|Unknown & .status.created=true -> Progressing
  Ready=False|Unknown -> Suspended

kubevirt.io: VirtualMachineInstance
  .status.phase=Failed -> Degraded
  .status.phase=Pending|Scheduling|Scheduled -> Progressing
  .status.phase=Succeeded -> Suspended
  .status.phase=Unknown -> Unknown
  Paused=True -> Suspended
  Ready=True -> Healthy
  Ready=False|Unknown -> Degraded

nmstate.io: NodeNetworkConfigurationPolicy
  Available=True -> Healthy
  Degraded=True -> Degraded
  Progressing=True -> Progressing
  Ignored=True -> Suspended

nmstate.io: NodeNetworkConfigurationEnactment
  Failing=True & Progressing=True -> Progressing
  Available=True -> Healthy
  Failing=True -> Degraded
  Aborted=True -> Suspended

operator.tigera.io: Installation, APIServer, TigeraStatus
  Degraded=True -> Degraded
  Available=True -> Healthy

metallb.io: MetalLB
  Degraded=True -> Degraded
  Progressing=True -> Progressing
  Available=True -> Healthy

apps.openshift.io: DeploymentConfig
  Available=False & Progressing=False -> Degraded
  Available=True & Progressing=True -> Healthy

policy.open-cluster-management.io: Policy
  # Nothing that is switched off, or that concerns no cluster, waits for anything.
  .spec.disabled=true -> Healthy
  .status.placement & !.status.status & !.status.compliant -> Healthy
  .status.compliant=Compliant -> Healthy
  .status.compliant=Pending -> Progressing
  .status.compliant -> Degraded

policy.open-cluster-management.io: ConfigurationPolicy
  says .status.compliancyDetails[].conditions[].message
  .status.lastEvaluatedGeneration!=.metadata.generation -> Progressing
  .status.compliant=Compliant -> Healthy
  .status.compliant -> Degraded

policy.open-cluster-management.io: CertificatePolicy
  .status.compliant=Compliant -> Healthy
  .status.compliant -> Degraded

policy.open-cluster-management.io: OperatorPolicy
  behind -> Progressing
  Compliant=True -> Healthy
  Compliant=False|Unknown -> Degraded

work.karmada.io: ResourceBinding, ClusterResourceBinding
  !.spec.clusters -> Progressing
  .status.aggregatedStatus[].health=Unhealthy -> Degraded
  .status.aggregatedStatus[].health=Unknown & .status.aggregatedStatus[].applied=false -> Degraded
  .status.aggregatedStatus -> Healthy
"""
)
