"""The page that shows what the backend does and switches its faults: its files, and the headers they are served with.

The files are served as they stand, without a build. The page takes nothing from elsewhere, and the policy below holds
it to that; it also holds its script to writing text, never markup, since what it shows was sent by anybody.
"""

from importlib.resources import files
from typing import Final

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
    "trusted-types 'none'"
)
"""The Content-Security-Policy of the page."""

_TYPES: Final = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}


def page_file(name: str) -> tuple[bytes, dict[str, str]] | None:
    """Give the body and the headers of one of the page's files, or None for a name that is none of theirs."""
    suffix = name.rpartition(".")[2]
    file = next((file for file in files(__name__).iterdir() if file.name == name and suffix in _TYPES), None)
    if file is None:
        return None
    headers = {
        "Content-Type": _TYPES[suffix],
        "Content-Security-Policy": POLICY,
        "Cross-Origin-Opener-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
    }
    return file.read_bytes(), headers
