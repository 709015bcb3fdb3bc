"""Images of the embedded default, built on the host from package registries only."""

from local.images.base import build_base_images

__all__ = ["build_base_images"]
