"""Makes docs/webhook-providers.md from the presets: `python -m tests.support.provider_page`."""

import re
from pathlib import Path

from proxy.config.schema import WebhookSettings
from proxy.rules.signatures import VerifySettings
from tests.support.presets import OPTIONS, presets

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "webhook-providers.md"
ROWS = ROOT / "proxy" / "webhooks" / "providers.yaml"
FOLDERS = ROOT / "proxy" / "integrations"

HEAD = """# Providers of webhooks

What `integration: NAME` under `webhooks:` brings, made from the presets themselves
(`python -m tests.support.provider_page` writes this page; a test compares).

```yaml
webhooks:
  shopify: {integration: shopify, deliver: {url: "http://127.0.0.1:8000/hooks/shopify"}}
```

- *secret*: the variable that holds it, unless `secrets:` says something else under its name in small letters.
- *signed*: `b` body, `t` time, `u` the URL that the sender was given (`public_url` has to be said), `i` id.
- *time*: how far from now a signed time may be. Without one, a repeat shows only by its id.
- *id* with †: not signed. A captured request can be replayed under a new one; where that matters, `dedupe: body`.
- *say too*: what has to be written beside the name.

"""
COLUMNS = ("name", "signature", "signed", "time", "id; type", "handshake", "secret", "say too", "source; answer wanted")
LETTERS = {"{body}": "b", "{timestamp}": "t", "{url}": "u", "{id}": "i"}
UNSIGNED = re.compile(r'^    id: "header:([^"]+)" +# not signed', re.MULTILINE)


def page() -> str:
    """The whole page."""
    found = ROWS.read_text() + "".join(sorted(manifest.read_text() for manifest in FOLDERS.glob("*/manifest.yaml")))
    sources = dict(re.findall(r"^(\w+):  # (.+)$", found, re.MULTILINE))
    unsigned = {f"header:{name}" for name in UNSIGNED.findall(found)} | {"header:I-Twilio-Idempotency-Token"}
    lines = [_line(COLUMNS), _line(["---"] * len(COLUMNS))]
    for name, webhook in sorted(presets().items()):
        source = sources.get(name, f"[its README](../proxy/integrations/{name}/README.md)")
        lines.append(_line([f"`{name}`", *_cells(webhook, unsigned), source]))
    return HEAD + "\n".join(lines) + "\n"


def _cells(webhook: WebhookSettings, unsigned: set[str]) -> list[str]:
    verify = webhook.verify
    naming = [_places(verify.id) + ("†" if set(verify.id) & unsigned else ""), _places(verify.type)]
    secrets = [name.upper() for name in verify.named_secrets]
    return [
        _signature(verify),
        _how(verify),
        _time(verify),
        "; ".join(one or "none" for one in naming),
        verify.handshake or "",
        ", ".join(f"`{name}`" for name in secrets) or "fetched",
        _say_too(webhook),
    ]


def _signature(verify: VerifySettings) -> str:
    places = _places(verify.signature) or {"twilio": "`X-Twilio-Signature`"}.get(verify.scheme, "in the body")
    if verify.format == "params":
        return f"{places} pairs `{verify.separator}` `{verify.assign}`, `{verify.param}`"
    return f"{places} `{verify.prefix}`" if verify.prefix else places


def _how(verify: VerifySettings) -> str:
    key = {"raw": "", "pem": ", key in PEM"}.get(verify.key.encoding, f", key in {verify.key.encoding}")
    strip = f" less `{verify.key.strip_prefix}`" if verify.key.strip_prefix else ""
    if verify.scheme == "jwt":
        return f"jwt {', '.join(verify.algorithms)}, `{verify.body_claim}` in {verify.body_encoding}{key}"
    if verify.signed is None:
        return verify.scheme + ("" if verify.body_signed else ", **not the body**")
    signed = verify.signed
    for place, letter in LETTERS.items():
        signed = signed.replace(place, letter)
    algorithm = verify.scheme if verify.scheme == "ed25519" else f"{verify.scheme} {verify.algorithm}"
    covered = "" if verify.body_signed else ", **not the body**"
    return f"`{signed}` {algorithm}, {verify.encoding}{key}{strip}{covered}"


def _time(verify: VerifySettings) -> str:
    where = verify.timestamp or (f"claim:{verify.issued_at}" if verify.issued_at else "")
    if not where:
        return "none"
    tolerance = "any age" if verify.tolerance is None else f"{verify.tolerance / 60:g}m"
    return f"{_places((where,))} {verify.timestamp_unit}, {tolerance}"


def _say_too(webhook: WebhookSettings) -> str:
    said = ["`public_url`"] if "{url}" in (webhook.verify.signed or "") or webhook.verify.scheme == "twilio" else []
    if webhook.name in OPTIONS:
        said.append(f"`verify.options.{OPTIONS[webhook.name].partition(':')[0]}`")
    return ", ".join(said)


def _places(places: tuple[str, ...]) -> str:
    return " or ".join(f"`{place.removeprefix('header:')}`" for place in places)


def _line(cells: tuple[str, ...] | list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    PAGE.write_text(page())
