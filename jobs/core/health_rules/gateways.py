"""Ways into a cluster and meshes: Gateway API, Envoy Gateway, Contour, Gloo, OpenShift routes, Istio."""

from jobs.core.health_rule import table

RULES = table(
    """
gateway.networking.k8s.io: Gateway, ListenerSet
  # https://gateway-api.sigs.k8s.io/geps/gep-1364/ : of the whole, and of each listener
  conditions .status.conditions .status.listeners[].conditions
  current
  ResolvedRefs=False -> Degraded
  Accepted=False -> Degraded
  Conflicted=True -> Degraded
  Programmed=False|Unknown -> Progressing
  Programmed=True -> Healthy
  Accepted=True -> Healthy

gateway.networking.k8s.io: GatewayClass
  current
  Accepted=False -> Degraded
  Accepted=True -> Healthy

gateway.networking.k8s.io: HTTPRoute, GRPCRoute, TLSRoute, TCPRoute, UDPRoute
  conditions .status.parents[].conditions
  current
  ResolvedRefs=False -> Degraded
  Accepted=False -> Degraded
  Programmed=False|Unknown -> Progressing
  Accepted=True -> Healthy
  Programmed=True -> Healthy

gateway.networking.k8s.io: BackendTLSPolicy
  # Every controller in the cluster writes an entry; that of one whose target this is not says TargetNotFound.
  conditions .status.ancestors[].conditions
  current
  Accepted=False|Unknown(!TargetNotFound) -> Degraded
  Accepted=True & ResolvedRefs=False|Unknown -> Degraded
  Accepted=True -> Healthy

gateway.envoyproxy.io: Backend
  current
  Accepted=False|Unknown -> Degraded
  Accepted=True -> Healthy

gateway.envoyproxy.io: BackendTrafficPolicy, ClientTrafficPolicy, EnvoyExtensionPolicy, EnvoyPatchPolicy, SecurityPolicy
  conditions .status.ancestors[].conditions
  current
  Accepted=False -> Degraded
  *=True -> Healthy

projectcontour.io: HTTPProxy
  says .status.description
  .status.currentStatus=valid -> Healthy
  .status.currentStatus=invalid -> Degraded

projectcontour.io: ExtensionService
  current
  Valid=True -> Healthy
  Valid=False -> Degraded

gateway.solo.io: MatchableHttpGateway
  # 0 Pending, 1 Accepted, 2 Rejected, 3 Warning; by namespace of the controller since 1.12
  says .status.reason .status.statuses[].reason
  .status.state=2|3|Rejected|Warning -> Degraded
  .status.statuses[].state=2|3|Rejected|Warning -> Degraded
  .status.state=0|Pending -> Suspended
  .status.statuses[].state=0|Pending -> Suspended
  .status.state=1|Accepted -> Healthy
  .status.statuses[].state=1|Accepted -> Healthy

gateway.solo.io: VirtualService, RouteTable, RouteOption
  says .status.reason .status.statuses[].reason
  .status.state=2|3|Rejected|Warning -> Degraded
  .status.statuses[].state=2|3|Rejected|Warning -> Degraded
  .status.state=0|Pending -> Progressing
  .status.statuses[].state=0|Pending -> Progressing
  .status.state=1|Accepted -> Healthy
  .status.statuses[].state=1|Accepted -> Healthy

route.openshift.io: Route
  conditions .status.ingress[].conditions
  Admitted=False -> Degraded
  Admitted=True -> Healthy

operator.openshift.io: IngressController
  Degraded=True -> Degraded
  DeploymentReplicasAllAvailable=False -> Progressing
  Progressing=True -> Progressing
  Available=True -> Healthy

install.istio.io: IstioOperator
  # 0 NONE, 1 UPDATING, 2 RECONCILING, 3 HEALTHY, 4 ERROR
  says .status.message
  .status.status=0|NONE -> Unknown
  .status.status=3|HEALTHY -> Healthy
  .status.status=4|ERROR -> Degraded

sailoperator.io: Istio, IstioCNI, ZTunnel
  behind -> Progressing
  Reconciled=False -> Degraded
  Ready=False -> Progressing
  Ready=True -> Healthy

networking.istio.io: *
security.istio.io: *
telemetry.istio.io: *
extensions.istio.io: *
  # A status is written only where it was switched on; https://istio.io/latest/docs/reference/config/config-status/
  says .status.validationMessages[].message
  .status.validationMessages[].level=Error|ERROR -> Degraded
  Reconciled=False -> Progressing
  otherwise -> Healthy
"""
)
