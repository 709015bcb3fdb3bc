"""Stand-in for pulumi-resource-docker: its Image resource, built by buildah without a daemon."""
