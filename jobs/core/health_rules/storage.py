"""Storage and backup: Rook, Longhorn, MinIO, Velero, Astra Control, KubeVirt's data import."""

from jobs.core.health_rule import table

RULES = table(
    """
ceph.rook.io: CephCluster
  # https://rook.io/docs/rook/latest/CRDs/Cluster/ceph-cluster-crd/
  says .status.message
  .status.ceph.health=HEALTH_ERR|HEALTH_WARN -> Degraded
  .status.state=Error -> Degraded
  .status.ceph.health=HEALTH_OK & .status.state=Created|Connected -> Healthy

ceph.rook.io: CephBlockPool, CephFilesystem, CephObjectStore, CephObjectStoreUser, CephNFS, CephClient
  .status.phase=Failure|ReconcileFailed -> Degraded
  .status.phase=Ready -> Healthy

longhorn.io: Volume
  # https://longhorn.io/docs/latest/references/ : a detached volume waits for its pod
  .status.robustness=faulted -> Degraded
  .status.state=attached & .status.robustness=healthy -> Healthy
  .status.state=detached -> Healthy

longhorn.io: BackupTarget
  Unavailable=True -> Degraded
  .status.available=true -> Healthy

minio.min.io: Tenant
  .status.currentState=Initialized -> Healthy
  .status.currentState=Provisioning*|Waiting*|Updating*|Restarting* -> Progressing
  .status.currentState=Statefulset not controlled by operator|Different versions across MinIO Pools -> Degraded
  .status.currentState=Another MinIO Tenant already exists in the namespace -> Degraded
  .status.currentState=Pool Decommissioning Not Allowed|Tenant credentials are not set properly -> Degraded
  .status.currentState -> Unknown

velero.io: Backup, Restore
  # https://velero.io/docs/main/api-types/backup/
  says .status.failureReason
  .status.phase=Completed -> Healthy
  .status.phase=FailedValidation|Failed|PartiallyFailed -> Degraded
  .status.phase=WaitingForPluginOperationsPartiallyFailed|FinalizingPartiallyFailed -> Degraded

velero.io: Schedule
  says .status.validationErrors[]
  .spec.paused=true -> Suspended
  .status.phase=Enabled -> Healthy
  .status.phase=FailedValidation -> Degraded

velero.io: BackupStorageLocation
  says .status.message
  .status.phase=Available -> Healthy
  .status.phase=Unavailable -> Degraded

astra.netapp.io: Application
  Ready=False -> Degraded
  Ready=True -> Healthy

astra.netapp.io: AppVault
  says .status.error
  .status.state=Available|available -> Healthy
  .status.state=Failed|failed -> Degraded

astra.netapp.io: Backup, Snapshot, ResourceBackup, ResticVolumeBackup
  says .status.error
  .status.state=Completed -> Healthy
  .status.state=Running -> Progressing
  .status.state -> Degraded

astra.netapp.io: Schedule
  # A schedule is there or not.
  otherwise -> Healthy

astra.netapp.io: ExecHook
  # A hook is switched on or off.
  .spec.enabled=true -> Healthy
  .spec.enabled=false -> Suspended

cdi.kubevirt.io: DataVolume
  says .status.conditions[].message
  Running=False(Error) -> Degraded
  .status.phase=Succeeded -> Healthy
  .status.phase=Failed|Unknown -> Degraded
  .status.phase=Paused -> Suspended
"""
)
