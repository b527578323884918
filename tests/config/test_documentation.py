"""docs/configuration.md says the same as the settings themselves, key by key and default by default."""

import dataclasses
import re
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from proxy.config.display import spelled
from proxy.config.document import FIELDS as FILE
from proxy.config.fill import Field, Shape, shape
from proxy.config.schema import CallerSettings, SecretSource, Settings, WebhookSettings
from proxy.config.tree import Node
from proxy.config.upstreams import FIELDS as UPSTREAM
from proxy.config.webhooks import FIELDS as WEBHOOK
from proxy.upstream import UpstreamSettings

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"
SECTIONS = {  # heading -> the keys that may be written there, the class with their defaults
    "The file": (FILE, Settings),
    "`secrets`": (shape(SecretSource), SecretSource),
    "`callers`": (shape(CallerSettings), CallerSettings),
    "`upstreams`": (UPSTREAM, UpstreamSettings),
    "`webhooks`": (WEBHOOK, WebhookSettings),
}
NO_DEFAULT = {"none", "off", "any", "required", "/{name}"}


def documented(heading: str) -> dict[str, str]:
    """Key -> default, as the tables under a heading have them."""
    section = next(part for part in PAGE.read_text().split("\n## ") if part.startswith(f"{heading}\n"))
    return dict(re.findall(r"^\| `([^`]+)` \| `?(.*?)`? \|", section, re.MULTILINE))


def leaves(fields: Shape, defaults: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Field, Any]]:
    """Every key that takes a value, with its default; `dataclasses.MISSING` where it must be given."""
    for name, field in fields.items():
        kinds = groups(field.hint)
        if not kinds:
            yield prefix + name, field, defaults.get(name)
        for kind in kinds:
            yield from leaves(shape(kind), defaults_of(kind), f"{prefix}{name}.")


def groups(hint: Any) -> list[type]:
    """The settings of settings that stand behind a key, none for a plain value."""
    hints = [hint] if isinstance(hint, type) else [] if typing.get_origin(hint) is tuple else typing.get_args(hint)
    return [kind for kind in hints if isinstance(kind, type) and dataclasses.is_dataclass(kind) and kind is not Node]


def defaults_of(kind: type) -> dict[str, Any]:
    return {
        field.name: field.default_factory() if field.default_factory is not dataclasses.MISSING else field.default
        for field in dataclasses.fields(kind)
    }


@pytest.mark.parametrize("heading", SECTIONS)
def test_every_setting_has_a_row_and_every_row_is_a_setting(heading):
    fields, kind = SECTIONS[heading]
    assert set(documented(heading)) == {key for key, _, _ in leaves(fields, defaults_of(kind))}


@pytest.mark.parametrize("heading", SECTIONS)
def test_every_default_in_the_page_is_the_one_in_force(heading):
    fields, kind = SECTIONS[heading]
    page = documented(heading)
    wrong = {}
    for key, field, default in leaves(fields, defaults_of(kind)):
        words = page[key]
        if default is dataclasses.MISSING or default is None or words in NO_DEFAULT:
            if words not in NO_DEFAULT:
                wrong[key] = words
        elif words != written(field, default):
            wrong[key] = f"{words} for {written(field, default)}"
    assert wrong == {}


def written(field: Field, default: Any) -> str:
    if isinstance(default, tuple | frozenset):
        kind = next(iter(typing.get_args(field.hint)), object)
        return f"[{', '.join(spelled(kind, one) for one in sorted(default))}]"
    return '""' if default == "" else "{}" if default == {} else spelled(field.hint, default)
