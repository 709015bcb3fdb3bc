"""How checks say what they found."""

from infra.finding import Finding
from infra.settings import key_path
from infra.settings.standin import Location


def error(check: str, location: Location, message: str, fix: str) -> Finding:
    """A finding that stops the stack."""
    return Finding(check=check, severity="error", path=key_path(location), message=message, fix=fix)


def warning(check: str, location: Location, message: str, fix: str) -> Finding:
    """A finding that is printed."""
    return Finding(check=check, severity="warning", path=key_path(location), message=message, fix=fix)
