"""The signed webhook requests of `tests/cases/webhooks.json`, made ready for tests."""

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from proxy.model import Headers
from proxy.rules.credentials import Secret
from proxy.rules.signatures import KeySettings, VerifySettings
from proxy.units import duration

_FILE = Path(__file__).parent.parent / "cases" / "webhooks.json"


class Case(NamedTuple):
    """A row of the file: what is configured, what comes, and what must be said of it."""

    id: str
    settings: VerifySettings
    secrets: list[Secret]
    method: str
    target: bytes
    public_url: str | None
    headers: Headers
    body: bytes
    chunked: bool
    now: float
    status: int
    reason: str
    oracle: str
    sdk_differs: str | None


def cases(*providers: str) -> dict[str, Case]:
    """The cases of those providers, or of all, by their ids."""
    rows = json.loads(_FILE.read_text())["cases"]
    return {row["id"]: _case(row) for row in rows if not providers or row["id"].partition("/")[0] in providers}


def settings_of(verify: Mapping[str, Any], secrets: tuple[str, ...]) -> VerifySettings:
    """What stands under `verify:` as settings, in the form that the loader gives them."""
    values = dict(verify)
    tolerance = values.pop("tolerance", None)
    for name in ("signature", "id", "type"):
        if isinstance(values.get(name), str):
            values[name] = (values[name],)
    if "methods" in values:
        values["methods"] = tuple(values["methods"])
    if "key" in values:
        values["key"] = KeySettings(**values["key"])
    return VerifySettings(
        **values, tolerance=None if tolerance in (None, "off") else duration(tolerance), secrets=secrets
    )


def _case(row: Mapping[str, Any]) -> Case:
    return Case(
        row["id"],
        settings_of(row["verify"], tuple(row["secrets"])),
        [Secret(name, value.encode()) for name, value in row["secrets"].items()],
        row["method"],
        row["path"].encode(),
        row["public_url"],
        tuple((name.encode(), value.encode()) for name, value in row["headers"]),
        base64.b64decode(row["body_b64"]),
        row.get("transport") == "chunked",
        row["now"],
        row["status"],
        row["reason"],
        row["oracle"],
        row.get("sdk_differs"),
    )
