"""The table of kinds that have rules of their own, by group and kind. All others follow their schema alone."""

from deploy.sandbox.kinds import cluster, config, pods, services, workloads
from deploy.sandbox.kinds.kind import Allocator, Kind

__all__ = ["Allocator", "Kind", "kind_of"]

_ADMISSION = "admissionregistration.k8s.io"
_KINDS: dict[tuple[str, str], Kind] = {
    ("", "Namespace"): cluster.NAMESPACE,
    ("", "Pod"): pods.POD,
    ("", "PodTemplate"): pods.POD_TEMPLATE,
    ("", "Event"): cluster.EVENT,
    ("", "Endpoints"): services.ENDPOINTS,
    ("", "LimitRange"): config.LIMIT_RANGE,
    ("apiregistration.k8s.io", "APIService"): cluster.API_SERVICE,
    ("", "Service"): services.SERVICE,
    ("", "ConfigMap"): config.CONFIG_MAP,
    ("", "Secret"): config.SECRET,
    ("", "PersistentVolumeClaim"): config.CLAIM,
    ("", "PersistentVolume"): config.VOLUME,
    ("apps", "Deployment"): workloads.DEPLOYMENT,
    ("apps", "ReplicaSet"): workloads.REPLICA_SET,
    ("apps", "DaemonSet"): workloads.DAEMON_SET,
    ("apps", "StatefulSet"): workloads.STATEFUL_SET,
    ("batch", "Job"): workloads.JOB,
    ("batch", "CronJob"): workloads.CRON_JOB,
    ("networking.k8s.io", "Ingress"): services.INGRESS,
    ("networking.k8s.io", "NetworkPolicy"): services.NETWORK_POLICY,
    ("rbac.authorization.k8s.io", "Role"): cluster.ROLE,
    ("rbac.authorization.k8s.io", "ClusterRole"): cluster.ROLE,
    ("rbac.authorization.k8s.io", "RoleBinding"): cluster.BINDING,
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): cluster.BINDING,
    ("storage.k8s.io", "StorageClass"): config.STORAGE_CLASS,
    ("autoscaling", "HorizontalPodAutoscaler"): cluster.AUTOSCALER,
    ("scheduling.k8s.io", "PriorityClass"): cluster.PRIORITY_CLASS,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): cluster.CRD,
    (_ADMISSION, "ValidatingWebhookConfiguration"): cluster.WEBHOOK,
    (_ADMISSION, "MutatingWebhookConfiguration"): cluster.WEBHOOK,
    (_ADMISSION, "ValidatingAdmissionPolicy"): cluster.POLICY,
    (_ADMISSION, "ValidatingAdmissionPolicyBinding"): cluster.POLICY_BINDING,
}
_PLAIN = Kind()


def kind_of(group: str, kind: str) -> Kind:
    """The rules of a kind."""
    return _KINDS.get((group, kind), _PLAIN)
