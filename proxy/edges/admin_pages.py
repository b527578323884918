"""The files that the admin listener serves: from this table of names, never from a directory."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).parent
_PAGES = {
    "/": ("dashboard.html", "text/html; charset=utf-8"),
    "/dashboard.js": ("dashboard.js", "text/javascript; charset=utf-8"),
    "/dashboard.css": ("dashboard.css", "text/css; charset=utf-8"),
}


def page(path: str) -> tuple[str, bytes]:
    """Content type and content. Raises `KeyError` for what is not in the table."""
    name, content_type = _PAGES[path]
    return content_type, (_HERE / name).read_bytes()
