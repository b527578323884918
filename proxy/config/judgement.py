"""What the secrets' values of this moment say about a configuration: keys in the wrong mode, values that fit nothing.

The one thing a reader would get wrong: a value may change while the program runs, so of all this only a live key in
`mode: sandbox` is an error at start; the rest is for `check` and for people.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from proxy.config.complaints import Complaints
from proxy.config.manifest import Presets
from proxy.config.preset_secrets import keys_in_place
from proxy.config.schema import Settings, WebhookSettings
from proxy.config.sources import Unreadable, reading
from proxy.config.tree import Node, nearest
from proxy.config.unsafe import Process, unsafe
from proxy.config.upstreams import secret_names
from proxy.rules.credentials import Secret
from proxy.rules.schemes import compile_scheme
from proxy.rules.signed_values import key_bytes
from proxy.rules.standard_webhooks import OURS


class Judgement:
    """`tested`: see `preset_secrets.test_names`."""

    def __init__(
        self, settings: Settings, presets: Presets, tested: Mapping[str, str], environ: Mapping[str, str]
    ) -> None:
        self._settings = settings
        self._values, self._missing = _values(settings, environ)
        self._live_keys: list[tuple[str, str, str]] = []  # upstream, secret, how test keys begin
        self._warnings: list[str] = []
        for upstream in settings.upstreams.values():
            manifest = presets.manifest(upstream.integration or "")
            needed = {name: self._values[name] for name in secret_names(upstream) & self._values.keys()}
            if manifest is not None:
                findings = keys_in_place(upstream, manifest, needed, tested)
                self._warnings += findings.warnings
                self._live_keys += [(upstream.name, name, begins) for name, begins in findings.errors.items()]

    def complain(self, root: Node, complaints: Complaints) -> None:
        """Says what must not start."""
        for upstream, name, begins in self._live_keys:
            place = nearest(root, "upstreams", upstream, "mode")
            complaints.add(place, f"a key that begins {begins}", given=f"sandbox with a live key in {name}")

    def judged(self, root: Node) -> Settings:
        """The settings, which have no error, with `unsafe`, `notes` and `doubts`."""
        found = Complaints()
        for webhook in self._settings.webhooks.values():
            for allowed, given in _unfit(webhook, self._values, self._missing):
                found.add(nearest(root, "webhooks", webhook.name, "verify", "secrets"), allowed, given=given)
            for allowed, given in _cannot_sign(webhook, self._values, self._missing):
                found.add(nearest(root, "webhooks", webhook.name, "deliver", "secret"), allowed, given=given)
        return replace(
            self._settings,
            unsafe=(*unsafe(self._settings, self._values, Process.this()), *self._warnings),
            notes=tuple(f"secret {name} is {reason} now" for name, reason in self._missing.items()),
            doubts=tuple(found.listed()),
        )


def _values(settings: Settings, environ: Mapping[str, str]) -> tuple[dict[str, bytes], dict[str, str]]:
    """What can be read, and why the rest cannot."""
    values: dict[str, bytes] = {}
    missing: dict[str, str] = {}
    for name, source in settings.secrets.items():
        try:
            values[name] = reading(source, environ)
        except Unreadable as error:
            missing[name] = error.reason
    return values, missing


def _unfit(
    webhook: WebhookSettings, values: Mapping[str, bytes], missing: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """(allowed, given) for each secret that can verify nothing."""
    scheme = compile_scheme(webhook.verify, webhook.public_url)
    for name in webhook.verify.secrets:
        if missing.get(name) == "empty":
            yield "a value that is not empty", f"secret {name}, which is empty"
        if name not in values:
            continue
        try:
            scheme.keys([Secret(name, values[name])])
        except ValueError as error:
            yield "a value that fits verify.key", str(error)
        if webhook.verify.scheme == "basic" and b":" not in values[name]:
            yield "user:password, which scheme basic needs", f"secret {name}, which has no colon"


def _cannot_sign(
    webhook: WebhookSettings, values: Mapping[str, bytes], missing: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """(allowed, given) where `deliver.sign: outrigger` could sign nothing: every delivery would be held back."""
    name = webhook.deliver.secret
    if name is None or webhook.deliver.sign != "outrigger":
        return
    if missing.get(name) == "empty":
        yield "a value that is not empty", f"secret {name}, which is empty"
    if name in values:
        try:
            key_bytes(values[name], OURS.key.encoding, OURS.key.strip_prefix)
        except ValueError as error:
            yield "base64, with whsec_ in front or without (Standard Webhooks)", f"secret {name}, which {error}"
