"""Public keys in PEM, which have line ends: from a variable and from a file."""

import httpx
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.support.command import outrigger
from tests.support.scripted import plain

HOOK = """  {name}:
    verify: {{scheme: ed25519, signature: "header:X-Sig", encoding: hex, signed: "{{body}}",
             key: {{encoding: pem}}, secrets: [{name}]}}
    deliver: {{url: {url}/{name}, mode: sync}}
"""


def test_a_key_in_pem_verifies_from_a_variable_and_from_a_file(run, provider, tmp_path):
    application = provider(plain(204))
    key = Ed25519PrivateKey.generate()
    pem = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "key.pem").write_bytes(pem)
    (tmp_path / "key.pem").chmod(0o600)
    text = f"secrets: {{given: {{env: KEY}}, kept: {{file: {tmp_path}/key.pem}}}}\nwebhooks:\n"
    text += "".join(HOOK.format(name=name, url=application.url) for name in ("given", "kept"))
    program = run(text, KEY=pem.decode())
    for name in ("given", "kept"):
        headers = {"X-Sig": key.sign(b"{}").hex()}
        assert httpx.post(f"{program.webhooks}/{name}", content=b"{}", headers=headers).status_code == 204
        assert httpx.post(f"{program.webhooks}/{name}", content=b"[]", headers=headers).status_code == 401
    assert len(application.requests) == 2
    checked = outrigger(tmp_path, "check", "-c", str(program.config), KEY=pem.decode())
    assert checked.code == 0, checked.out + checked.err
