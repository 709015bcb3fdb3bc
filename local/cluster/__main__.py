"""`python -m local.cluster start|registry|stop|status`: the cluster alone, for those who work on it."""

import sys

from local.cluster import lifecycle
from local.progress import LocalError, to_stdout


def main() -> int:
    """Run one verb; the exit status is 1 for a failure and 2 for a wrong verb."""
    actions = {"start": lifecycle.start, "registry": lifecycle.start_registry, "stop": lifecycle.stop}
    verb = sys.argv[1] if len(sys.argv) > 1 else ""
    try:
        if verb == "status":
            for row in lifecycle.status():
                print(f"{row.name:26} {row.state:12} {row.memory / 2**20:7.0f} MiB {row.seconds:6} s")
        elif verb in actions:
            actions[verb](to_stdout)
        else:
            print(f"usage: python -m local.cluster {'|'.join(actions)}|status", file=sys.stderr)
            return 2
    except LocalError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
