"""What has to hold between the words, the sums and the limits of a stack. Imports no Pulumi."""

from infra.checks.run import CHECKS, Check, Examined, check_all, examine, require_valid

__all__ = ["CHECKS", "Check", "Examined", "check_all", "examine", "require_valid"]
