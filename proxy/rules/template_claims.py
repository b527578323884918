"""Claims of the schemes whose signed message is a template, and of tokens, which sign nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from proxy.rules.claims import MOST_SIGNATURES, Claim, Stop
from proxy.rules.incoming import DuplicateName, Incoming
from proxy.rules.locators import Locator, first
from proxy.rules.signed_values import split_params, unix_time
from proxy.rules.templates import Marks, Template

Shape = Callable[[bytes], bytes | None]  # a signature as written -> its own bytes, None if it is written otherwise

_ESCAPES = re.compile(rb"%(?:3A|2F|3F|40|21|24|27|28|29|2A|2C|3B)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ParamsFormat:
    """The signature's value is pairs, as in `t=1,v1=ab`; those called `param` hold signatures."""

    param: bytes
    separator: bytes = b","
    assign: bytes = b"="


@dataclass(slots=True, kw_only=True, eq=False)
class TemplateReader:
    """`base_url`: the public URL without its query; `url_decode`: its escapes may also have been signed decoded.

    `late`: the time's locator, where the time is in the body and not in the template.
    """

    signature: tuple[Locator, ...]
    shape: Shape
    algorithm: str = ""
    params: ParamsFormat | None = None
    prefix: bytes = b""
    repeat: bool = False
    template: Template | None = None
    time: Locator | None = None
    late: Locator | None = None
    time_unit: str = "s"
    id: tuple[Locator, ...] = ()
    nonce: Locator | None = None
    base_url: bytes = b""
    url_decode: bool = False

    headers: frozenset[bytes] = field(init=False)  # `repeat` allows several lines of the signature's
    _every: bool = field(init=False)
    _parses_json: bool = field(init=False)
    _signs_id: bool = field(init=False)
    _early_nonce: Locator | None = field(init=False)  # where looking for it parses no body

    def __post_init__(self) -> None:
        others = list(() if self.template is None else self.template.locators)
        others += () if self.time is None else (self.time,)
        self._signs_id = self.template is not None and "id" in self.template.names
        others += self.id if self._signs_id else ()
        once = others if self.repeat else [*self.signature, *others]
        early = self.nonce is not None and self.nonce.kind in ("header", "query")
        self._early_nonce = self.nonce if early else None
        self.headers = frozenset(locator.name for locator in once if locator.kind == "header")
        self._every = any(locator.every for locator in self.signature)
        self._parses_json = any(locator.kind == "json" for locator in (*self.signature, *others))

    def read(self, incoming: Incoming) -> Claim:
        """First what is absent, then what has the wrong shape; of the body only what carries the proof is parsed."""
        if self._parses_json:
            _refuse_double_names(incoming)
        values = self._values(incoming)
        mark, time = b"", self.time
        if time is not None and time.kind != "param":
            mark = one(time, incoming, "missing_timestamp")
        name = self._signed_id(incoming) if self._signs_id else b""
        if self._early_nonce is not None:
            one(self._early_nonce, incoming, "missing_id")
        signatures = self._signatures(values, incoming)
        if time is not None and time.kind == "param":
            mark = one(time, incoming, "missing_timestamp")
        when = None if time is None else self._unix(mark)
        return Claim(signatures, self._messages(incoming, mark, name), self.algorithm, when, self._every)

    def late_time(self, incoming: Incoming) -> float | None:
        """The time of a proven body that its template does not name (Linear)."""
        return None if self.late is None else self._unix(one(self.late, incoming, "missing_timestamp"))

    def _values(self, incoming: Incoming) -> list[bytes]:
        found: list[bytes] = []
        for locator in self.signature:
            values = locator.find(incoming)
            if len(values) > 1 and not (self.repeat or locator.every):
                raise Stop("malformed_signature", "the signature is there twice")
            found += values
        if self.repeat:
            found = [piece.strip(b" \t") for value in found for piece in value.split(b",")]
        if not any(found):
            raise Stop("missing_signature", "no signature where it should be")
        return found

    def _signed_id(self, incoming: Incoming) -> bytes:
        found = first(self.id, incoming)
        if found is None:
            raise Stop("missing_id", "the id is signed and not there")
        return found

    def _signatures(self, values: list[bytes], incoming: Incoming) -> list[bytes]:
        if self.params is not None:
            values = self._of_params(values, incoming)
        found = []
        for value in values:
            signature = self.shape(value.removeprefix(self.prefix)) if value.startswith(self.prefix) else None
            if signature is not None:
                found.append(signature)
        if not self._every and len(values) > MOST_SIGNATURES:
            raise Stop("malformed_signature", f"more than {MOST_SIGNATURES} signatures")
        if not found or (self._every and len(found) < len(values)):
            raise Stop("malformed_signature", "prefix, length or alphabet is not that of such a signature")
        return found

    def _of_params(self, values: list[bytes], incoming: Incoming) -> list[bytes]:
        assert self.params is not None  # noqa: S101 - asked by the caller
        separator = self.params.separator
        incoming.params = split_params(separator.join(values), separator, self.params.assign)
        return incoming.params.get(self.params.param, [])

    def _messages(self, incoming: Incoming, mark: bytes, name: bytes) -> list[list[bytes]]:
        template = self.template
        if template is None:
            return []
        inside = {}
        if template.locators:
            inside = {locator: one(locator, incoming, self._missing(locator)) for locator in template.locators}
        if "url" not in template.names:
            return [template.message(incoming, Marks(mark, name), inside)]
        return [template.message(incoming, Marks(mark, name, url), inside) for url in self._urls(incoming)]

    def _missing(self, locator: Locator) -> str:
        return "missing_id" if locator == self.nonce else "missing_signature"

    def _urls(self, incoming: Incoming) -> list[bytes]:
        url = self.base_url if incoming.query is None else self.base_url + b"?" + incoming.query
        if not self.url_decode:
            return [url]
        decoded = _ESCAPES.sub(lambda escape: bytes.fromhex(escape[0][1:].decode()), url)
        return [url] if decoded == url else [url, decoded]

    def _unix(self, mark: bytes) -> float:
        when = unix_time(mark, self.time_unit)
        if when is None:
            raise Stop("malformed_timestamp", f"the time is not written as {self.time_unit}")
        return when


def one(locator: Locator, incoming: Incoming, missing: str) -> bytes:
    """The one value there. Raises `Stop`: `missing` where there is none, `malformed_signature` where there are two."""
    values = locator.find(incoming)
    if len(values) > 1:
        raise Stop("malformed_signature", f"a {locator.kind} value that takes part in the signature is there twice")
    if not values or not values[0]:
        raise Stop(missing, f"a {locator.kind} value that takes part in the signature is not there")
    return values[0]


def _refuse_double_names(incoming: Incoming) -> None:
    try:
        incoming.unambiguous_document()
    except DuplicateName as error:
        raise Stop("malformed_signature", str(error)) from None
