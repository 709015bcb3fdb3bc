"""Erlang's formula for jobs of one GPU that come at random: what pooling alone would give."""

import math


def busy(servers: int, load: float) -> float:
    """Chance that a job finds all servers busy (Erlang C); `load` is a share of all servers, below 1."""
    offered = servers * load
    blocked = 1.0
    for server in range(1, servers + 1):
        blocked = offered * blocked / (server + offered * blocked)
    return blocked / (1 - load * (1 - blocked))


def wait(servers: int, load: float, share: float = 0.9) -> float:
    """The wait, in mean runs, that so large a share of the jobs stays below."""
    waits = busy(servers, load)
    return max(0.0, math.log(waits / (1 - share)) / (servers * (1 - load)))


def carried(servers: int, longest: float, share: float = 0.9) -> float:
    """The load at which this wait is `longest`."""
    low, high = 0.001, 0.999
    while high - low > 1e-6:
        middle = (low + high) / 2
        low, high = (middle, high) if wait(servers, middle, share) <= longest else (low, middle)
    return low
