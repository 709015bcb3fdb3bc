"""A failed Job's reason on the screen of every `up`, whichever provider waits for it."""

import asyncio
import os

import pulumi

from infra.cluster_identity import may_ask
from infra.failure import failure_of
from infra.kubeconfig import ClusterError, find_access
from infra.settings.platform import ClusterSettings

OTHERS_SECONDS = 3.0
"""In which the Jobs of a stack are registered once the first of them has failed."""


def told(cluster: ClusterSettings, namespace: str, name: str, fix: str) -> pulumi.ResourceHookBinding | None:
    """Hooks of a Job that tell what its provider did not say of a failure, and what to do.

    Args:
        cluster: Where the Job is.
        namespace: Of the Job.
        name: Of the Job.
        fix: What to do about a Job that has failed for good.
    """
    if not may_ask():
        return None
    try:
        # Now, because the program's environment may be another one when it fails.
        access = find_access(cluster.kubeconfig, cluster.context, os.environ)
    except ClusterError:  # so its provider will find none either, and says so
        return None

    async def tell(args: pulumi.ErrorHookArgs) -> bool:
        # Once it has the answer, the engine begins nothing more, and what else fails is to say so in this update too.
        others = asyncio.create_task(asyncio.sleep(OTHERS_SECONDS))
        try:
            failure = await asyncio.to_thread(failure_of, access, namespace, name, args.errors[0])
        except ClusterError as error:
            pulumi.log.warn(f"{name}: nobody could be asked why it failed: {error}")
            await others
            return False
        lines = [*failure.untold, *([fix] if failure.is_final else [])]
        if lines:
            # Without the resource: what is told of one is shown only once it is registered.
            pulumi.log.error(f"{name}: " + "\n    ".join(lines))
        await others
        return False  # the engine is not to try again

    return pulumi.ResourceHookBinding(on_error=[pulumi.ErrorHook(f"{name}-failure", tell)])
