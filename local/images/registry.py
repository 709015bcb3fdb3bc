"""What the local registry already has."""

import http.client

from local.progress import LocalError

MANIFESTS = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"


def split(reference: str) -> tuple[str, str, str]:
    """Parts of `host:port/repository:tag`."""
    host, _, rest = reference.partition("/")
    repository, _, tag = rest.rpartition(":")
    return host, repository, tag


def digest(reference: str) -> str | None:
    """Digest under which the registry holds an image, or None if it does not.

    Args:
        reference: `host:port/repository:tag` of a registry that speaks plain HTTP.

    Raises:
        LocalError: The registry does not answer.
    """
    host, repository, tag = split(reference)
    connection = http.client.HTTPConnection(host, timeout=10)
    try:
        connection.request("HEAD", f"/v2/{repository}/manifests/{tag}", headers={"Accept": MANIFESTS})
        answer = connection.getresponse()
    except OSError as error:
        raise LocalError(f"the image registry at {host} does not answer ({error}). Is the cluster up?") from error
    finally:
        connection.close()
    return answer.headers["Docker-Content-Digest"] if answer.status == http.client.OK else None
