"""XML of strangers as a tree of elements: no document type, no entities, no references to elsewhere, no depth bombs."""

from __future__ import annotations

from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

_DEEPEST = 64


def read(document: bytes) -> Element:
    """The root; names are `{namespace}local`. Raises `ValueError` that says what is wrong with the document."""
    reader = _Reader()
    try:
        return reader.read(document)
    except expat.ExpatError as error:
        raise ValueError(f"not well-formed XML: {expat.errors.messages[error.code]}") from None
    except LookupError:  # an encoding that Python does not know
        raise ValueError("the document's encoding is not supported") from None


def local(element: Element) -> str:
    """The name without its namespace."""
    return element.tag.rpartition("}")[2]


class _Reader:
    def __init__(self) -> None:
        self._tree = TreeBuilder()
        self._depth = 0
        parser = expat.ParserCreate(namespace_separator="}")
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = self._refuse
        parser.EntityDeclHandler = self._refuse
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._tree.data
        self._parser = parser

    def read(self, document: bytes) -> Element:
        self._parser.Parse(document, True)  # noqa: FBT003 - expat's arguments have no names
        return self._tree.close()

    def _refuse(self, *_: object) -> None:
        raise ValueError("a document type is not accepted")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise ValueError("the document is nested too deeply")
        self._tree.start(_clark(name), {_clark(key): value for key, value in attributes.items()})

    def _end(self, name: str) -> None:
        self._depth -= 1
        self._tree.end(_clark(name))


def _clark(name: str) -> str:
    return f"{{{name}" if "}" in name else name
