"""Queues, brokers and what they carry: Strimzi, RabbitMQ, NATS, Knative Eventing, Zookeeper."""

from jobs.core.health_rule import table

RULES = table(
    """
kafka.strimzi.io: Kafka, KafkaConnect, KafkaBridge, KafkaMirrorMaker2, KafkaTopic, KafkaUser, KafkaConnector
  # https://strimzi.io/docs/operators/latest/deploying#con-custom-resources-status-str
  NotReady=True(!Creating) -> Degraded
  ReconciliationPaused=True -> Suspended
  Ready=True -> Healthy

kafka.strimzi.io: KafkaRebalance
  NotReady=True -> Degraded
  Stopped=True -> Suspended
  ProposalReady=True -> Suspended
  Ready=True -> Healthy

kafka.strimzi.io: StrimziPodSet
  # It never says that it failed.
  behind -> Progressing
  .status.readyPods<.status.pods -> Progressing
  .status.pods -> Healthy

kafka.banzaicloud.io: KafkaCluster
  .status.brokersState[].configurationState=ConfigOutOfSync -> Degraded
  .status.brokersState[].gracefulActionState.cruiseControlState=GracefulUpscaleCompletedWithError -> Degraded
  .status.state=ClusterRunning & .status.cruiseControlTopicStatus=CruiseControlTopicReady -> Healthy

zookeeper.pravega.io: ZookeeperCluster
  # It never says that it failed.
  .status.readyReplicas<.status.replicas?1 -> Progressing
  .status.readyReplicas -> Healthy

rabbitmq.com: RabbitmqCluster
  # https://www.rabbitmq.com/kubernetes/operator/using-operator#status
  ReconcileSuccess=False -> Degraded
  ClusterAvailable=Unknown -> Progressing
  AllReplicasReady=Unknown -> Progressing
  AllReplicasReady=False(ScaledToZero) -> Suspended
  ClusterAvailable=False -> Progressing
  AllReplicasReady=False -> Progressing
  ClusterAvailable=True & AllReplicasReady=True -> Healthy

rabbitmq.com: Binding, Exchange, Permission, Policy, Queue, Shovel, User, Vhost, Federation, SchemaReplication
  Ready=False(FailedCreateOrUpdate) -> Degraded
  Ready=True -> Healthy

jetstream.nats.io: Stream, Consumer, KeyValue, ObjectStore, Account
  *=False -> Degraded
  Ready=True(Created|Updated|Noop|SkipCreate|SkipUpdate|Reconciled) -> Healthy

eventing.knative.dev: Broker, Trigger
messaging.knative.dev: Channel, InMemoryChannel, Subscription
sources.knative.dev: ApiServerSource, ContainerSource, PingSource, SinkBinding
  # https://knative.dev/docs/eventing : Ready speaks for all others
  Ready=False -> Degraded
  Ready=True -> Healthy
"""
)
