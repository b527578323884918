"""One webhook: its preset's row and its own words laid over each other and filled into `WebhookSettings`.

The one thing a reader would get wrong: without `deliver.url` nothing is missing: events wait until they are pulled.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import replace

from proxy.config import delivery
from proxy.config.addresses import URL, is_metadata, url_problem
from proxy.config.auth_checks import TOKEN
from proxy.config.complaints import Complaints, near
from proxy.config.fill import BAD, Field, Filling, Shape, shape
from proxy.config.manifest import Presets
from proxy.config.schema import WebhookSettings
from proxy.config.tree import Node, deep, entries, items, laid_over, nearest, put, text
from proxy.config.upstreams import NAME
from proxy.rules.headers import HOP_BY_HOP
from proxy.rules.schemes import compile_scheme
from proxy.rules.signatures import VerifySettings

_TREE = Field(Node | None, required=False)
FIELDS: Shape = {name: field for name, field in shape(WebhookSettings).items() if name not in {"name", "path"}} | {
    "path": Field(str, required=False),
    "verify": Field(VerifySettings, required=True),
}
_SIGNATURE = ("verify", "signature")
_LOCATORS = ("signature", "id", "type")
_TOLERANCE = "300"  # seconds, where a time is signed and nobody says more
_PATH = re.compile(r"/[\x21\x22\x24-\x3e\x40-\x7e]*")  # visible, no # and no ?


class Webhooks:
    """Reads webhooks one by one. `secrets`: the names under `secrets:`."""

    def __init__(self, filling: Filling, presets: Presets, secrets: Collection[str]) -> None:
        self._filling = filling
        self._presets = presets
        self._secrets = secrets

    def read(self, name: str, node: Node) -> WebhookSettings | None:
        """The webhook's settings; None when something was wrong with them, which was then complained about."""
        complaints = self._filling.complaints
        if not NAME.fullmatch(name):
            complaints.add(node, "a name of a-z, 0-9, _ and -, a letter or digit first", given=repr(name))
        preset = self._preset(node)
        tree = _stacked(preset, node)
        if deep(tree, "verify") is None:
            if text(deep(tree, "integration")) is None:
                complaints.add(node, "integration or verify", given="neither")
            tree = put(tree, replace(node, content={}, broken=True), "verify")
        found = self._filling.fields(FIELDS, tree, f"webhooks.{name}")
        if found is None:
            return None
        wrong = {key for key, value in found.items() if value is BAD}
        found.setdefault("path", f"/{name}")
        if "verify" not in wrong and not self._verifies(tree, found["verify"], {*self._secrets, *self.needed(node)}):
            wrong.add("verify")
        _check(tree, complaints)
        delivery.check(deep(tree, "deliver"), self._secrets, complaints)
        return None if wrong else WebhookSettings(name=name, **found)

    def _verifies(self, tree: Node, verify: VerifySettings, known: Collection[str]) -> bool:
        complaints = self._filling.complaints
        for name, node in _secrets_named(tree):
            if name not in known:
                allowed = f"names of secrets: {', '.join(sorted(known)) or 'none is configured'}"
                given = "a name that is not under secrets (text that is not shown)"
                complaints.add(node, allowed, given=given, meant=near(name, known))
        try:
            compile_scheme(verify, text(deep(tree, "public_url")))
        except ValueError as error:
            key, _, why = str(error).partition(": ")
            found = nearest(tree, "verify", key)
            node = tree if found.source.preset else found  # the file has to add something to a row that is right
            given, _, allowed = why.partition("; allowed: ")
            secret = node.written is not None  # the words may repeat what a variable brought
            complaints.add(node, allowed or "keys that go together", given=None if secret else given)
            return False
        return True

    def needed(self, node: Node) -> list[str]:
        """The secrets that its preset verifies with, which bring their own variables."""
        preset = self._preset(node, quiet=True)
        return [] if preset is None else [name for name, _ in _secrets_named(preset)]

    def _preset(self, node: Node, *, quiet: bool = False) -> Node | None:
        named = entries(node).get("integration")
        name = text(named)
        if named is None or name is None:
            return None
        preset = self._presets.webhook(name)
        if preset is None and not quiet:
            known = self._presets.webhook_names()
            self._filling.complaints.add(named, ", ".join(known), meant=near(name, known))
        return preset


def _secrets_named(tree: Node) -> list[tuple[str, Node]]:
    """The secrets that `verify` names, each with where it does."""
    nodes = [*items(deep(tree, "verify", "secrets")), deep(tree, "verify", "options", "verify_token")]
    return [(name, node) for node in nodes if node is not None and (name := text(node)) is not None]


def _stacked(preset: Node | None, node: Node) -> Node:
    own = _in_full(node)
    under = None if preset is None else _in_full(preset)
    schemes = {text(deep(one, "verify", "scheme")) for one in (own, under)} - {None}
    if under is not None and len(schemes) > 1:
        under = put(under, None, "verify")
    tree = laid_over(under, own)
    time = deep(tree, "verify", "timestamp") or deep(tree, "verify", "issued_at")
    if time is not None and deep(tree, "verify", "tolerance") is None:
        tree = put(tree, replace(time, content=_TOLERANCE, plain=True), "verify", "tolerance")
    return tree


def _in_full(tree: Node) -> Node:
    """The tree with `header: X` written as a locator, and single locators as lists of one."""
    short = deep(tree, "verify", "header")
    if short is not None and isinstance(short.content, str):
        tree = put(put(tree, None, "verify", "header"), replace(short, content=f"header:{short.content}"), *_SIGNATURE)
    for key in _LOCATORS:
        found = deep(tree, "verify", key)
        if found is not None and isinstance(found.content, str):
            tree = put(tree, replace(found, content=[found]), "verify", key)
    return tree


def _check(tree: Node, complaints: Complaints) -> None:
    for path in (("deliver", "url"), ("public_url",)):
        found = deep(tree, *path)
        if found is None or found.broken or not isinstance(found.content, str):
            continue
        public = path == ("public_url",)
        problem = url_problem(found.content.partition("?")[0] if public else found.content)
        if problem is not None:
            complaints.add(found, URL, given=problem)
        elif not public and is_metadata(found.content):
            complaints.add(found, URL, given="the address of a cloud's metadata service")
    where = deep(tree, "path")
    if where is not None and not where.broken and not _PATH.fullmatch(text(where) or ""):
        complaints.add(where, "a path that begins with /, without blanks, ? and #")
    _check_answer(deep(tree, "answer", "headers"), complaints)


def _check_answer(headers: Node | None, complaints: Complaints) -> None:
    for name, words in entries(headers).items():
        if name.lower().encode() in {*HOP_BY_HOP, b"content-length"}:
            complaints.add(words, "headers that do not say how the answer is sent", given="one that we set ourselves")
        elif not TOKEN.fullmatch(name) or any(ord(mark) < 32 for mark in text(words) or ""):
            complaints.add(words, "header names and values without control characters", given="another header")


def preset_rows(presets: Presets, filling: Filling) -> dict[str, VerifySettings]:
    """Every provider's `verify:` as it is without a word of ours, by its name."""
    found = {}
    for name in presets.webhook_names():
        preset = presets.webhook(name)
        if preset is not None:
            tree = deep(_stacked(preset, replace(preset, content={})), "verify")
            row = None if tree is None else filling.settings(VerifySettings, tree, "")
            if row is not None:
                found[name] = row
    return found
