"""Metrics, traces, logs and dashboards."""

from jobs.core.health_rule import table

RULES = table(
    """
monitoring.coreos.com: Prometheus, PrometheusAgent, Alertmanager, ThanosRuler
  # https://prometheus-operator.dev/docs/platform/troubleshooting/ : pods that start are no failure
  Available=True -> Healthy
  Available=False|Unknown|Degraded(SomePodsNotReady) -> Progressing
  Available=False|Unknown|Degraded -> Degraded

monitoring.coreos.com: ServiceMonitor, PodMonitor, Probe, ScrapeConfig, PrometheusRule, AlertmanagerConfig
  # One binding for each Prometheus that selects it, where the operator writes them at all.
  conditions .status.bindings[].conditions
  current
  Accepted=False -> Degraded
  Accepted=Unknown -> Progressing
  otherwise -> Healthy

operator.victoriametrics.com: *
  # updateStatus: expanding, operational, failed, paused; https://docs.victoriametrics.com/operator/
  says .status.reason
  behind -> Progressing
  .status.updateStatus=operational -> Healthy
  .status.updateStatus=paused -> Suspended
  .status.updateStatus=failed -> Degraded

grafana.integreatly.org: Grafana
  says .status.lastMessage
  .status.stageStatus=failed -> Degraded
  .status.stage=complete & .status.stageStatus=success -> Healthy

grafana.integreatly.org: GrafanaDatasource, GrafanaDashboard
  .status.NoMatchingInstances=true -> Degraded
  NoMatchingInstance=True -> Degraded
  InvalidSpec=True -> Degraded
  *=False(ApplyFailed) -> Degraded
  .status.uid -> Healthy

grafana.integreatly.org: GrafanaFolder, GrafanaAlertRuleGroup, GrafanaContactPoint, GrafanaNotificationPolicy
  # These say what is wrong by a condition that is True.
  FolderUIDMismatch=True -> Degraded
  NoMatchingInstance=True -> Degraded
  InvalidSpec=True -> Degraded
  FolderSynchronized=False -> Degraded
  AlertGroupSynchronized=False -> Degraded
  ContactPointSynchronized=False -> Degraded
  NotificationPolicySynchronized=False -> Degraded
  *=True -> Healthy

jaegertracing.io: Jaeger
  .status.phase=Running -> Healthy
  .status.phase=Failed -> Degraded

kiali.io: Kiali
  Failure=True -> Degraded
  Running=True(Running) -> Progressing
  Successful=True -> Healthy

datadoghq.com: DatadogMetric
  # Active says whether it is used, which is not a matter of health.
  Error=True -> Degraded
  Valid=False -> Degraded
  otherwise -> Healthy

datadoghq.com: DatadogAgent
  says .status.agent.status
  DatadogAgentReconcileError=True -> Degraded
  .status.agent.state=Failed -> Degraded
  .status.agent.ready<.status.agent.desired -> Progressing
  .status.agent.desired -> Healthy

datadoghq.com: DatadogMonitor
  Error=True -> Degraded
  Created=True -> Healthy

coralogix.com: Alert, RecordingRuleGroupSet
  RemoteSynced=True -> Healthy
  RemoteSynced=False -> Degraded

core.humio.com: HumioCluster
  says .status.message
  .status.state=Running -> Healthy
  .status.state=ConfigError -> Degraded
  .status.state=Unknown -> Unknown

core.humio.com: HumioAction, HumioIngestToken, HumioRepository, HumioView, HumioAlert, HumioParser
  .status.state=Exists -> Healthy
  .status.state=NotFound -> Missing
  .status.state=ConfigError -> Degraded
  .status.state=Unknown -> Unknown
"""
)
