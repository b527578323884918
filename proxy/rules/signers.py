"""Which way to sign belongs to which `auth.type`."""

from __future__ import annotations

from proxy.rules.auth_settings import AuthSettings, AwsSigV4Auth, HmacAuth, WsSecurityAuth
from proxy.rules.hmac_auth import HmacSigner
from proxy.rules.outgoing import Signer
from proxy.rules.sigv4 import SigV4
from proxy.rules.ws_security import WsSecurity


def signer_of(auth: AuthSettings | None) -> Signer | None:
    """What signs each attempt, or puts a token into its body; None for credentials that are the same every time."""
    if isinstance(auth, AwsSigV4Auth):
        return SigV4(auth)
    if isinstance(auth, WsSecurityAuth):
        return WsSecurity(auth)
    return HmacSigner(auth) if isinstance(auth, HmacAuth) else None
