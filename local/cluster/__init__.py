"""The embedded cluster: real Kubernetes on this machine, in namespaces of its own.

The node's network enforces no NetworkPolicy, and its GPUs do not exist.
"""

from local.cluster.lifecycle import Row, start, start_registry, status, stop

__all__ = ["Row", "start", "start_registry", "status", "stop"]
