"""The lines to try that `run` prints: what the integrations' own pages show, with this program's address in it."""

from __future__ import annotations

from proxy.config.complaints import Complaints
from proxy.config.manifest import Presets
from proxy.config.schema import Settings

MOST = 3


def hints(settings: Settings, proxy: str) -> list[str]:
    """At most three `curl` lines for upstreams that a mock answers. `proxy`: the address that the listener has."""
    if proxy.startswith("unix:"):
        return []
    presets = Presets(Complaints())
    lines = []
    for name, one in settings.upstreams.items():
        manifest = presets.manifest(one.integration or "") if one.mode == "mock" else None
        shown = "" if manifest is None else manifest.snippets.get("curl", "")
        if shown and "@" not in shown and "\n" not in shown.strip():  # what needs a file is not tried in a second
            lines.append(shown.strip().replace("{base}", f"http://{proxy}/{name}"))
    return lines[:MOST]
