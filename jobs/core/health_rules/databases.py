"""Databases, caches and search engines, by the status that their operators write."""

from jobs.core.health_rule import table

RULES = table(
    """
acid.zalan.do: postgresql
  .status.PostgresClusterStatus=Running -> Healthy
  .status.PostgresClusterStatus=Creating|Updating|UpdateInProgress -> Progressing
  .status.PostgresClusterStatus -> Degraded

postgresql.cnpg.io: Cluster
  # https://cloudnative-pg.io/documentation/current/cloudnative-pg.v1/#postgresql-cnpg-io-v1-ClusterStatus
  says .status.phaseReason
  .metadata.annotations["cnpg.io/reconciliation"]=disabled -> Suspended
  cnpg.io/hibernation=True -> Suspended
  cnpg.io/hibernation=False -> Degraded
  .status.phase=Cluster in healthy state -> Healthy
  .status.phase=Failing over|Cluster upgrade delayed|Waiting for user action -> Degraded
  .status.phase=Unable to create required cluster objects|Cluster is unrecoverable* -> Degraded
  .status.phase=Cluster cannot*|Cluster has incomplete or invalid image catalog -> Degraded

postgresql.cnpg.io: Backup
  says .status.error
  .status.phase=completed -> Healthy
  .status.phase=failed|walArchivingFailing|invalid backup definition -> Degraded

postgresql.cnpg.io: Database, Publication, Subscription
  # A first try that fails, for want of its role, is tried again: until a generation was applied nothing is lost.
  says .status.message
  .status.applied=true & .status.observedGeneration!=.metadata.generation -> Progressing
  .status.applied=true -> Healthy
  .status.applied=false & .status.observedGeneration=.metadata.generation -> Degraded

postgresql.cnpg.io: Pooler
  .status.instances<.spec.instances?1 -> Progressing
  .status.instances -> Healthy

postgres-operator.crunchydata.com: PostgresCluster
  # No state of it is lost for good by its status.
  behind -> Progressing
  .status.instances[].readyReplicas<.status.instances[].replicas -> Progressing
  .status.instances -> Healthy

k8s.mariadb.com: MariaDB, MaxScale
  *=False(Failed) -> Degraded
  *=False -> Progressing
  *=True -> Healthy

k8s.mariadb.com: Backup
  says .status.conditions[].message
  *=False(CronJobScheduled) & .status.conditions[].message=Failed -> Degraded
  *=False -> Progressing
  *=True -> Healthy

k8s.mariadb.com: SqlJob, Restore
  *=True(JobFailed) -> Degraded
  *=True(JobComplete) -> Healthy

k8s.mariadb.com: Database, User, Grant
  Ready=True -> Healthy
  Ready=False|Unknown -> Degraded

pxc.percona.com: PerconaXtraDBCluster
ps.percona.com: PerconaServerMySQL
psmdb.percona.com: PerconaServerMongoDB
  says .status.message
  .status.state=ready -> Healthy
  .status.state=paused -> Suspended
  .status.state=error -> Degraded

pgv2.percona.com: PerconaPGCluster
  says .status.message
  .status.state=ready -> Healthy
  .status.state=paused -> Suspended

mongodbcommunity.mongodb.com: MongoDBCommunity
  # https://github.com/mongodb/mongodb-kubernetes : phases of all its kinds
  says .status.message
  .status.phase=Running -> Healthy
  .status.phase=Failed -> Degraded

mongodb.com: MongoDB, MongoDBMultiCluster, MongoDBUser
  says .status.message
  .status.phase=Running|Updated -> Healthy
  .status.phase=Failed -> Degraded

mongodb.com: MongoDBOpsManager
  says .status.opsManager.message .status.applicationDatabase.message
  .status.opsManager.phase=Failed -> Degraded
  .status.applicationDatabase.phase=Failed -> Degraded
  .status.opsManager.phase=Running & .status.applicationDatabase.phase=Running -> Healthy

atlas.mongodb.com: AtlasProject, AtlasDeployment, AtlasDatabaseUser
  behind -> Progressing
  ValidationSucceeded=False -> Degraded
  Ready=True -> Healthy

redis.redis.opstreelabs.in: RedisCluster
  says .status.reason
  .status.state=Ready -> Healthy
  .status.state=Failed -> Degraded

redis.redis.opstreelabs.in: RedisReplication
  # It never says that it failed.
  .status.masterNode -> Healthy

app.redislabs.com: RedisEnterpriseCluster
  .status.state=Running -> Healthy
  .status.state=Error|Invalid|InvalidUpgrade|InvalidUpgradeDueToRedisVersions -> Degraded

app.redislabs.com: RedisEnterpriseDatabase
  .status.status=active -> Healthy
  .status.status=creation-failed|import-failed|recovery-failed -> Degraded

clickhouse.altinity.com: ClickHouseInstallation
  says .status.error
  .status.status=Completed -> Healthy
  .status.status=InProgress -> Progressing
  .status.status -> Degraded

cassandra.datastax.com: CassandraDatacenter
  .status.cassandraOperatorProgress=Updating -> Progressing
  Valid=False -> Degraded
  Stopped=True -> Suspended
  Healthy=False -> Degraded
  Healthy=True -> Healthy
  Ready=True -> Healthy

k8ssandra.io: K8ssandraCluster
  says .status.error
  .status.error!=None -> Degraded
  CassandraInitialized=True -> Healthy

elasticsearch.k8s.elastic.co: Elasticsearch
  # https://www.elastic.co/docs/deploy-manage/deploy/cloud-on-k8s : a yellow cluster misses replicas
  .status.phase=Invalid -> Degraded
  .status.phase=ApplyingChanges|MigratingData -> Progressing
  .status.phase=Ready & .status.health=green -> Healthy
  .status.phase=Ready & .status.health=yellow|red -> Degraded
  .status.health=unknown -> Unknown

kibana.k8s.elastic.co: Kibana
apm.k8s.elastic.co: ApmServer
beat.k8s.elastic.co: Beat
agent.k8s.elastic.co: Agent
logstash.k8s.elastic.co: Logstash
enterprisesearch.k8s.elastic.co: EnterpriseSearch
maps.k8s.elastic.co: ElasticMapsServer
  .status.health=green -> Healthy
  .status.health=red -> Degraded

opensearch.opster.io: OpenSearchCluster
  .status.health=red -> Degraded
  .status.phase=RUNNING -> Healthy

solr.apache.org: SolrCloud
  # It never says that it failed.
  .status.solrNodes[].ready=false -> Progressing
  .status.solrNodes -> Healthy

druid.apache.org: Druid
  says .status.druidNodeStatus.reason
  .status.druidNodeStatus.druidNodeConditionType=DruidNodeErrorState -> Degraded
  .status.druidNodeStatus.druidNodeConditionStatus=False -> Degraded
  .status.druidNodeStatus.druidNodeConditionType=DruidClusterReady -> Healthy

db.atlasgo.io: AtlasSchema, AtlasMigration
  Ready=True -> Healthy
  Ready=False|Unknown(Reconciling) -> Progressing
  Ready=False|Unknown -> Degraded
"""
)
