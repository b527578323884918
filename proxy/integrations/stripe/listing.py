"""Lists with cursors, and ids in answers that the caller asked to see as whole objects."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

from proxy.integrations.stripe.account import Account, Record
from proxy.integrations.stripe.parameters import Parameters
from proxy.integrations.stripe.refusals import invalid

EXPANDABLE = {  # field -> kind of what its id names
    "customer": "customer",
    "payment_method": "payment_method",
    "payment_intent": "payment_intent",
    "charge": "charge",
    "latest_charge": "charge",
}
_DEEPEST = 4  # levels of expansion


def page(account: Account, kind: str, given: Parameters, *fields: str) -> Record:
    """Newest first, `limit` of them behind `starting_after` or before `ending_before`.

    `fields`: parameters that choose by equality. `created` chooses too, by equality or `gt`, `gte`, `lt`, `lte`.
    """
    limit = given.whole("limit", most=100) or 10
    chosen = [record for record in account.newest_first(kind) if _wanted(record, given, fields)]
    after, before = given.text("starting_after"), given.text("ending_before")
    if after is not None and before is not None:
        raise invalid("Only one of starting_after and ending_before may be given.", "ending_before")
    place = _place(account, kind, chosen, after or before, "starting_after" if after else "ending_before")
    if before is not None:
        shown, more = chosen[max(0, place - limit) : place], place > limit
    else:
        start = place + 1 if after is not None else 0
        shown, more = list(islice(chosen, start, start + limit)), len(chosen) > start + limit
    return {"object": "list", "url": f"/v1/{kind}s", "has_more": more, "data": shown}


def expanded(account: Account, answer: Record, paths: Iterable[str]) -> Record:
    """A copy of the answer with the objects at `paths` (`latest_charge`, `data.customer`) in place of their ids."""
    for path in paths:
        answer = _expand(account, answer, path, path.split("."))
    return answer


def _expand(account: Account, record: Record, path: str, steps: list[str]) -> Record:
    field, *rest = steps
    if field == "refunds" and record.get("object") == "charge" and field not in record:
        record = {**record, field: _refunds(account, record)}
    if field not in record or len(steps) > _DEEPEST:
        raise invalid(f"This property cannot be expanded: {path}.", "expand")
    value: Any = record[field]
    if isinstance(value, list):
        return {**record, field: [_expand(account, item, path, rest) if rest else item for item in value]}
    if isinstance(value, str) and field in EXPANDABLE:
        value = account.get(EXPANDABLE[field], value) or value
    if rest and isinstance(value, dict):
        value = _expand(account, value, path, rest)
    return {**record, field: value}


def _refunds(account: Account, charge: Record) -> Record:
    """A charge's own list, which Stripe shows to those who ask for it."""
    made = page(account, "refund", Parameters({"charge": charge["id"]}), "charge")
    return {**made, "url": f"/v1/charges/{charge['id']}/refunds"}


def _place(account: Account, kind: str, chosen: list[Record], cursor: str | None, param: str) -> int:
    if cursor is None:
        return 0
    account.find(kind, cursor, param, status=400)
    return next((place for place, record in enumerate(chosen) if record["id"] == cursor), len(chosen))


def _wanted(record: Record, given: Parameters, fields: Iterable[str]) -> bool:
    for field in fields:
        value = given.text(field)
        if value is not None and record.get(field) != value:
            return False
    return not record.get("deleted") and _in_time(record["created"], given)


COMPARE: dict[str, Callable[[int, int], bool]] = {
    "gt": int.__gt__,
    "gte": int.__ge__,
    "lt": int.__lt__,
    "lte": int.__le__,
}


def _in_time(created: int, given: Parameters) -> bool:
    if "created" not in given:
        return True
    if given.is_text("created"):
        return given.whole("created", least=0, most=10**12) == created
    bounds = given.inner("created")
    limits = ((compare, bounds.whole(word, least=0, most=10**12)) for word, compare in COMPARE.items())
    return all(compare(created, limit) for compare, limit in limits if limit is not None)
