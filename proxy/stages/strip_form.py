"""Takes credentials of the application's own out of forms, where a preset says that its libraries put them there."""

from __future__ import annotations

from collections.abc import Collection

from proxy.model import Body, Request, Response, Whole
from proxy.pipeline import Handler
from proxy.rules.form_fields import is_form, without_fields
from proxy.rules.headers import without_digests
from proxy.stages.sign import whole


class StripFormStage:
    """In the chain only where a preset names fields. A form over `body.replay` of known length passes as it is."""

    def __init__(self, names: Collection[str]) -> None:
        self._names = frozenset(name.encode() for name in names)

    async def __call__(self, request: Request, call_next: Handler) -> Response:
        body = request.body
        if body is None or body.kept is None or not is_form(request.headers):
            return await call_next(request)
        form = await whole(body, request)
        content = without_fields(form, self._names)
        headers = request.headers if content == form else without_digests(request.headers)
        changed = Body(Whole(content), len(content), keep=len(content))
        return await call_next(request.with_headers(headers).with_body(changed))
