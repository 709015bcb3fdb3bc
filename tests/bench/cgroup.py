"""What the kernel counts for one container: its processes and their memory. For cgroup v1 and v2."""

from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")


class Memory:
    """Memory of one container."""

    def __init__(self, process: int) -> None:
        """Take any process of the container.

        Raises:
            OSError: It is gone.
        """
        groups = [line.split(":", 2) for line in Path(f"/proc/{process}/cgroup").read_text().splitlines()]
        of_memory = [path for _, controllers, path in groups if controllers == "memory"]
        self._is_v1 = bool(of_memory)
        self._directory = _ROOT / ("memory" if self._is_v1 else "") / (of_memory or [groups[-1][2]])[0].lstrip("/")

    def limit(self) -> int:
        """Bytes above which the kernel reclaims, and kills where it cannot."""
        return int(self._text("memory.limit_in_bytes", "memory.max"))

    def peak(self) -> int:
        """Most bytes so far, pages of files included, which are dropped for the asking."""
        return int(self._text("memory.max_usage_in_bytes", "memory.peak"))

    def own(self) -> int:
        """Bytes of the processes now, pages of files left out: what the kernel cannot drop."""
        stat = dict(line.split() for line in self._text("memory.stat", "memory.stat").splitlines())
        return int(stat["total_rss" if self._is_v1 else "anon"])

    def _text(self, v1: str, v2: str) -> str:
        return (self._directory / (v1 if self._is_v1 else v2)).read_text()


def bytes_read(first: int) -> int:
    """What the first process's child, which is the training, has read, from caches or not."""
    [child, *_] = Path(f"/proc/{first}/task/{first}/children").read_text().split()
    [line] = [line for line in Path(f"/proc/{child}/io").read_text().splitlines() if line.startswith("rchar:")]
    return int(line.split()[1])
