"""The Pulumi program of the project; `pulumi up -s STACK` runs it."""

from infra.program import deploy

deploy()
