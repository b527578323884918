"""XML of strangers as a tree of elements: no document type, no entities, no references to elsewhere, no depth bombs."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree.ElementTree import Element, ParseError, TreeBuilder

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

_DEEPEST = 64


def read(document: bytes) -> Element:
    """The root; names are `{namespace}local`. Raises `ValueError` that says what is wrong with the document."""
    parser = DefusedXMLParser(target=_Shallow(), forbid_dtd=True, forbid_entities=True, forbid_external=True)
    try:
        parser.feed(document)
        root: Element = parser.close()
    except DefusedXmlException:
        raise ValueError("a document type is not accepted") from None
    except ParseError as error:
        raise ValueError(f"not well-formed XML: {error}") from None
    except LookupError:
        raise ValueError("the document's encoding is not supported") from None
    return root


def local(element: Element) -> str:
    """The name without its namespace."""
    return element.tag.rpartition("}")[2]


def below(element: Element, path: tuple[str, ...]) -> Iterator[Element]:
    """The elements at a path of local names that begins at any depth below `element`."""
    for start in element.iter():
        if start is not element and local(start) == path[0]:
            yield from _along(start, path[1:])


def _along(element: Element, path: tuple[str, ...]) -> Iterator[Element]:
    if not path:
        yield element
        return
    for child in element:
        if local(child) == path[0]:
            yield from _along(child, path[1:])


class _Shallow(TreeBuilder):
    """Builds a tree of so many levels and no more."""

    def __init__(self) -> None:
        super().__init__()
        self._depth = 0

    def start(self, tag: str, attrs: dict[str, str], /) -> Element:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise ValueError("the document is nested too deeply")
        return super().start(tag, attrs)

    def end(self, tag: str, /) -> Element:
        self._depth -= 1
        return super().end(tag)
