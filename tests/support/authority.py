"""A certificate authority for tests: certificates that are good, and those that are not."""

import datetime
import ipaddress
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)


class Authority:
    """Writes certificates into `folder`; `ca` is the file to trust."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("Test authority")
        made = (
            _begun(self._name, self._name, self._key, self._key, 0)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_signs_certificates(), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.ca = str(folder / "ca.pem")
        Path(self.ca).write_bytes(made.public_bytes(serialization.Encoding.PEM))

    def certificate(self, *names: str, expired: int = 0, self_signed: bool = False) -> str:
        """A file with a key and its certificate for `names`. `expired`: days since then, 0 for one that is good."""
        key, subject = ec.generate_private_key(ec.SECP256R1()), _name("Test upstream")
        issuer, signer = (subject, key) if self_signed else (self._name, self._key)
        made = (
            _begun(subject, issuer, key, signer, expired)
            .add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=False)
            .sign(signer, hashes.SHA256())
        )
        path = self._folder / f"{abs(hash((names, expired, self_signed)))}.pem"
        form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        private = key.private_bytes(serialization.Encoding.PEM, *form)
        path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
        return str(path)


def server_side(certificate: str, *, ca: str | None = None) -> ssl.SSLContext:
    """A server's context; with `ca`, clients need a certificate of that authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    if ca is not None:
        context.load_verify_locations(ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _begun(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    signer: ec.EllipticCurvePrivateKey,
    expired: int,
) -> x509.CertificateBuilder:
    end = datetime.datetime.now(datetime.UTC) - expired * DAY + (0 if expired else 1) * DAY
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(end - 2 * DAY)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )


def _signs_certificates() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
