"""How Outrigger itself signs a delivery: Standard Webhooks, which any SDK of that specification checks.

The one thing a reader would get wrong: the secret is base64, and what stands for it in the MAC is what that decodes to.
"""

from __future__ import annotations

from proxy.rules.signatures import KeySettings, VerifySettings

OURS = VerifySettings(  # Standard Webhooks, as `deliver.sign: outrigger` signs (standardwebhooks.com, specification)
    scheme="hmac",
    signature=("header:webhook-signature",),
    format="params",
    separator=" ",
    assign=",",
    param="v1",
    encoding="base64",
    key=KeySettings(encoding="base64", strip_prefix="whsec_"),
    signed="{id}.{timestamp}.{body}",
    timestamp="header:webhook-timestamp",
    id=("header:webhook-id",),
    secrets=("deliver.secret",),
)
