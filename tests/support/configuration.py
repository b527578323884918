"""Configurations for tests: text in, settings or complaints out."""

from collections.abc import Mapping
from pathlib import Path

from proxy.config.complaints import Complaint, ConfigurationError
from proxy.config.load import load
from proxy.config.schema import Settings

NO_VARIABLES: Mapping[str, str] = {}


def settings(folder: Path, text: str, environ: Mapping[str, str] = NO_VARIABLES) -> Settings:
    """What a file with this text says."""
    path = folder / "config.yaml"
    path.write_text(text)
    path.chmod(0o600)
    return load(path, environ)


def complaints(folder: Path, text: str, environ: Mapping[str, str] = NO_VARIABLES) -> list[Complaint]:
    """What is wrong with it; nothing for a file that is right."""
    try:
        settings(folder, text, environ)
    except ConfigurationError as error:
        return error.complaints
    return []


def lines(folder: Path, text: str, environ: Mapping[str, str] = NO_VARIABLES) -> list[str]:
    """The same as people read it, less the folder."""
    return [str(one).removeprefix(f"{folder}/") for one in complaints(folder, text, environ)]


SYNC = 'deliver: {url: "http://127.0.0.1:8000/", mode: sync}'
HMAC = 'scheme: hmac, header: X-Sig, signed: "{body}", secrets: [s]'


def webhook(*words: str) -> str:
    """A file with one webhook `w` of these words, and one secret `s`."""
    return f"secrets: {{s: {{env: S}}}}\nwebhooks:\n  w: {{{', '.join(words)}}}\n"
