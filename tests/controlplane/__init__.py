"""A real Kubernetes control plane for tests: etcd, kube-apiserver, kube-controller-manager and a fake kubelet.

`python -m tests.controlplane build` makes the binary once, `... run` starts a plane and prints its kubeconfig,
`plane.ControlPlane` is the same for code. Nothing here imports Pilothouse.
"""
