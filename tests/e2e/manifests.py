"""Objects as files have them, sent to the API server by whoever tests what it says about them."""

from collections.abc import Mapping
from typing import Any

import httpx


class Kinds:
    """Paths of kinds, as the API server tells them."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client
        self._groups: dict[str, dict[str, Mapping[str, Any]]] = {}

    def collection(self, manifest: Mapping[str, Any], namespace: str | None = None) -> str:
        """Path of the list that an object belongs to.

        Args:
            manifest: With apiVersion and kind.
            namespace: In place of its own one.
        """
        version, kind = manifest["apiVersion"], manifest["kind"]
        root = f"/api/{version}" if version == "v1" else f"/apis/{version}"
        if version not in self._groups:
            resources = self.client.get(root).raise_for_status().json()["resources"]
            self._groups[version] = {one["kind"]: one for one in resources if "/" not in one["name"]}
        resource = self._groups[version][kind]
        if not resource["namespaced"]:
            return f"{root}/{resource['name']}"
        return f"{root}/namespaces/{namespace or manifest['metadata']['namespace']}/{resource['name']}"
