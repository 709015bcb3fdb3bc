"""Runs the stand-in: `python -m local.plugins.kubernetes [address of the engine]`."""

from local.plugins.stubs import use_stubs_only

use_stubs_only()

from local.plugins.kubernetes.provider import KubernetesStandIn  # noqa: E402  # the stubs must be in place
from local.plugins.serve import serve  # noqa: E402  # same

serve(KubernetesStandIn)
