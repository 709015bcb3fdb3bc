"""The embedded cluster: real Kubernetes on this machine, in namespaces of its own.

The node's network enforces no NetworkPolicy, and its GPUs do not exist.
"""
