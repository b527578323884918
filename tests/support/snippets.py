"""The Python lines that a manifest gives its users, run as they stand."""

import yaml

from proxy import integrations


def client(integration: str, base: str, **imported: object) -> object:
    """The `client` that the lines make. `base`: the upstream's address at the proxy; `imported`: names they use."""
    manifest = yaml.safe_load((integrations.folder(integration) / "manifest.yaml").read_text())
    exec(manifest["snippets"]["python"].replace("{base}", base), imported)  # noqa: S102 - our own lines, and the point of the test
    return imported["client"]
