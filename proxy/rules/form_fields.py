"""Fields of a form taken out of its bytes, all else left as it came."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import unquote_to_bytes

from proxy.model import Headers

FORM = b"application/x-www-form-urlencoded"


def is_form(headers: Headers) -> bool:
    """Whether the body is one."""
    return any(
        name.lower() == b"content-type" and value.partition(b";")[0].strip().lower() == FORM for name, value in headers
    )


def without_fields(form: bytes, names: Collection[bytes]) -> bytes:
    """The form without the pairs of those decoded names; the same bytes where it has none."""
    pairs = form.split(b"&")
    kept = [pair for pair in pairs if unquote_to_bytes(pair.partition(b"=")[0].replace(b"+", b" ")) not in names]
    return form if len(kept) == len(pairs) else b"&".join(kept)
