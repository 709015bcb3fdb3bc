"""What has to hold between the words, the sums and the limits of a stack. Imports no Pulumi."""

from infra.checks.check import Check
from infra.checks.registry import CHECKS
from infra.checks.run import Examined, check_all, examine, require_valid
from infra.checks.waivers import Waived

__all__ = ["CHECKS", "Check", "Examined", "Waived", "check_all", "examine", "require_valid"]
