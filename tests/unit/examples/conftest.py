"""The example is no part of tfk8s' own packages: it is found as a copy of it would be, beside its page."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3] / "examples" / "digit-pad"))
