"""A refused webhook request as it goes into the debug log, among the calls, as one of `webhooks.NAME`.

Runs in the writer's thread. The one thing a reader would get wrong: what proves the request is looked for in the whole
body, before anything is cut, or the half of a signature would be left at the cut.
"""

from __future__ import annotations

from dataclasses import dataclass

from proxy.edges.debug_records import Record, Row
from proxy.rules.proofs import Proofs
from proxy.rules.redaction import Redactor
from proxy.rules.sensitive import Marks
from proxy.stages.capture import Exchange, Taken
from proxy.webhooks.refused import MOST_BODY, PLACE, RefusedRequest


@dataclass(frozen=True, slots=True)
class RefusedRecord:
    """`proofs`: finds signatures and tokens in it, which are never written."""

    request: RefusedRequest
    proofs: Proofs

    @property
    def upstream(self) -> str:
        """The place that an upstream's name has in a call; no upstream is called so."""
        return f"{PLACE}{self.request.webhook}"

    @property
    def size(self) -> int:
        """Bytes of its body."""
        return len(self.request.body)

    def row(self, redactor: Redactor) -> Row:
        """The values of the columns, in their order: a call without attempts, and one exchange of number 0."""
        one, target = self.request, self._target()
        record = Record(
            id=one.id,
            upstream=self.upstream,
            method=one.method,
            target=target,
            status=one.status,
            code=one.outcome,
            attempts=0,
            started=one.at,
            seconds=0.0,
            provider_id=None,
            stopped=None,
            decisions=[(0.0, "webhook", one.detail)],
            exchanges=[self._exchange(target)],
            marks=Marks(),
            max_body=MOST_BODY,
        )
        return record.row(redactor)

    def _target(self) -> bytes:
        path, mark, query = self.request.target.partition(b"?")
        return path + mark + self.proofs.query(self.request.webhook, query)

    def _exchange(self, target: bytes) -> Exchange:
        one = self.request
        body = self.proofs.body(one.webhook, one.body)
        sent = Taken(len(body))
        sent.add(body)
        sent.truncated = one.length is None
        headers = self.proofs.headers(one.headers)
        return Exchange(0, 0.0, one.method, target, headers, sent, Taken(0), 0.0, one.outcome, one.status)
