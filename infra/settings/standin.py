"""What takes the place of unreadable words, so that the rest of a stack file can still be judged.

A stand-in raises no finding of its own: the sums it takes part in come out smaller, never larger, and the
sections it stands for count as sound.
"""

import copy
from collections.abc import Mapping, MutableMapping
from typing import Final, cast

Location = tuple[int | str, ...]

_ANY: Final = "*"
_GONE: Final = object()
_IMAGE: Final = {"ref": "unreadable@sha256:" + "0" * 64}
_SMALL: Final = {"cpu": "1m", "memory": 1, "limits": {"cpu": "2m", "memory": 1}}

_STAND_INS: Final[Mapping[Location, object]] = {
    ("cluster",): {"context": "unreadable", "maxGracePeriod": "3650d", "kubernetesVersion": "1.999"},
    ("images",): {"training": _IMAGE, "serving": _IMAGE, "devicePlugin": _IMAGE, "prometheus": _IMAGE},
    ("images", "training"): _IMAGE,
    ("images", "serving"): _IMAGE,
    ("images", "devicePlugin"): _IMAGE,
    ("images", "prometheus"): _IMAGE,
    ("store",): {"local": "/unreadable"},
    ("dataSets", _ANY): {"local": "/unreadable"},
    ("gpu",): {"mode": "pretend"},
    ("gpuPool",): {},
    ("tenants",): {},
    ("tenants", _ANY): _GONE,  # half a quota would be exceeded for no reason
    ("trainingJobs", _ANY, "tenant"): "unreadable",
    ("trainingJobs", _ANY, "version"): 1,
    ("trainingJobs", _ANY, "resources"): _SMALL,
    ("trainingJobs", _ANY, "deadline"): "1ms",
    ("sweeps", _ANY, "tenant"): "unreadable",
    ("sweeps", _ANY, "model"): "unreadable",
    ("sweeps", _ANY, "trials"): 2,
    ("sweeps", _ANY, "space"): {"unreadable": {"type": "categorical", "choices": [1, 2]}},
    ("sweeps", _ANY, "resources"): _SMALL,
    ("sweeps", _ANY, "deadline"): "1ms",
    ("models", _ANY, "tenant"): "unreadable",
    ("models", _ANY, "resources"): _SMALL,
    ("models", _ANY, "tracks"): {"stable": {"version": 1}},
    ("models", _ANY, "autoscaling"): {"maxReplicas": 1},
    ("models", _ANY, "requestTimeout"): "1ms",
    ("models", _ANY, "drain"): {"propagation": "0s"},
    ("models", _ANY, "coldStart"): "3650d",
    ("models", _ANY, "startup"): "3650d",
}

_WITH_IT: Final[Mapping[Location, Mapping[str, object]]] = {
    ("trainingJobs", _ANY, "deadline"): {"backoffLimit": 0},
    ("sweeps", _ANY, "model"): {"args": {}},
    ("sweeps", _ANY, "trials"): {"parallelism": 1},
    ("sweeps", _ANY, "space"): {"sampler": "tpe"},
    ("models", _ANY, "resources"): {"load": _GONE},
    ("models", _ANY, "autoscaling"): {"load": _GONE},
    ("models", _ANY, "coldStart"): {"load": _GONE, "startup": "3650d"},
    ("models", _ANY, "expose"): {"tracks": {"stable": {"version": 1}}},  # a second one would need a gateway
    ("policy", "prices"): {"monthlyBudget": _GONE},
}
"""What lies beside unreadable words and would be judged by them."""


def set_aside(words: MutableMapping[str, object], location: Location, *, unknown: bool) -> bool:
    """Makes the place of one error readable.

    The part around it with a stand-in is replaced; where there is none, the value is left out, or the smallest
    part around it that is there.

    Args:
        words: The stack file's words; changed in place.
        location: Where pydantic found the error.
        unknown: The error is a key that nobody knows: without it, what lies beside it is still good.

    Returns:
        False where nothing could be done.
    """
    if unknown and location[0] != "tenants":
        return _replace(words, location, _GONE)
    around = [location[:length] for length in range(len(location), 0, -1)]
    stand_ins = [(place, stand_in) for place in around if (stand_in := _stand_in(place)) is not None]
    attempts = [*stand_ins, *((place, _GONE) for place in around)]
    for place in around:
        for key, value in (_WITH_IT.get(place) or _WITH_IT.get(_any(place), {})).items():
            _replace(words, (*place[:-1], key), value)
    return any(_replace(words, place, value) for place, value in attempts)


def _stand_in(location: Location) -> object | None:
    exact = _STAND_INS.get(location)
    return exact if exact is not None else _STAND_INS.get(_any(location))


def _any(location: Location) -> Location:
    """The location under any name."""
    return (*location[:1], _ANY, *location[2:])


def _replace(words: MutableMapping[str, object], location: Location, value: object) -> bool:
    """Puts a value at a location, or removes what is there; False where that changes nothing."""
    *parents, last = location
    here: object = words
    for part in parents:
        here = cast("Mapping[int | str, object]", here).get(part) if isinstance(here, Mapping) else None
    if not isinstance(here, MutableMapping):
        return False
    holder = cast("MutableMapping[int | str, object]", here)
    if value is _GONE:
        return last in holder and holder.pop(last, _GONE) is not _GONE
    if holder.get(last) == value:
        return False
    holder[last] = copy.deepcopy(value)
    return True
