"""The child process of `build_base_images`: prints `progress: …` lines, and the error if it fails."""

import sys

from local.images.base import PROMETHEUS, build_missing
from local.progress import LocalError


def main() -> int:
    """Build what is missing; the exit code."""
    try:
        build_missing(lambda line: print(f"progress: {line}", flush=True), prometheus=PROMETHEUS in sys.argv[1:])
    except LocalError as error:
        print(error, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
