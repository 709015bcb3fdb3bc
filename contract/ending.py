"""The one ending of every container of ours: whatever happened becomes a code and a last line."""

import traceback
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from contract.exits import Exit, Failure, end
from contract.run import RunError
from contract.store import StoreError


@dataclass
class Step:
    """What a container is doing, for its last line; it gets more exact as more is known."""

    what: str


@contextmanager
def ending(name: str) -> Generator[Step]:
    """Ends the process after the block, which never returns from here.

    Args:
        name: What the container is, such as `the training run`.
    """
    step = Step(name)
    try:
        yield step
    except RunError as error:
        end(Exit.BAD_INPUT, f"the environment of {name} is wrong: {error}")
    except Failure as error:
        end(error.code, f"{step.what}: {error}")
    except StoreError as error:
        end(Exit.STORE, f"{step.what}: {error}")
    except OSError as error:
        end(Exit.STORE, f"{step.what}: {error.filename or 'input or output'}: {error.strerror or error}")
    except Exception as error:  # noqa: BLE001  whatever happens, the log ends with one clear line
        traceback.print_exc()
        end(Exit.INTERNAL, f"{step.what} failed in its code, see the lines above: {type(error).__name__}: {error}")
    end(Exit.OK)
