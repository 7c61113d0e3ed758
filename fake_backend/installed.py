"""Finds which sendproof is installed."""

from importlib.metadata import PackageNotFoundError, version


def installed_version() -> str | None:
    """Return the version; None for a source tree that was not installed."""
    try:
        return version("sendproof")
    except PackageNotFoundError:
        return None
