"""Where the elements of an XML document stand in its bytes, for those who change a part and leave all else as it is.

The one thing a reader would get wrong: only encodings in which `<` is one byte are read here; others, document types
and deep nesting are refused, as everywhere (`integrations.md` §3).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from xml.parsers import expat

_DEEPEST = 64
_TAG = re.compile(rb"""(?:[^>"']|"[^"]*"|'[^']*')*>""")
_ATTRIBUTE = re.compile(rb"""([^\s=/>"']+)\s*=\s*("[^"]*"|'[^']*')""")
_REFERENCES = {b"&amp;": b"&", b"&lt;": b"<", b"&gt;": b">", b"&quot;": b'"', b"&apos;": b"'"}
_REFERENCE = re.compile(rb"&(?:amp|lt|gt|quot|apos);|&#x([0-9a-fA-F]{1,6});|&#([0-9]{1,7});")


@dataclass(slots=True)
class Element:
    """One element. `start` to `inside` is its start tag, `inside` to `outside` its content, up to `end` its end tag.

    `path`: local names from the root. `leaf`: no element in it. An empty-element tag has no content and no end tag.
    """

    path: tuple[str, ...]
    namespace: str
    start: int
    inside: int
    outside: int = 0
    end: int = 0
    leaf: bool = True

    @property
    def name(self) -> str:
        """The local name."""
        return self.path[-1]

    @property
    def collapsed(self) -> bool:
        """Written `<a/>`."""
        return self.end == self.inside


def elements(document: bytes) -> list[Element]:
    """All elements, in the order of their start tags. Raises `ValueError` for what is no document we read."""
    if document[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in document[:4]:
        raise ValueError("an encoding of more than one byte a character")
    reading = _Reading(document)
    try:
        reading.parser.Parse(document, True)  # noqa: FBT003 - expat takes no keyword
    except expat.ExpatError:
        raise ValueError("not well-formed XML") from None
    return reading.found


def attributes(document: bytes, element: Element) -> dict[str, tuple[int, int]]:
    """Local name -> where the value stands, between its quotes."""
    tag = document[element.start : element.inside]
    found: dict[str, tuple[int, int]] = {}
    for attribute in _ATTRIBUTE.finditer(tag, tag.find(b"<") + 1):
        local = attribute[1].rpartition(b":")[2].decode("utf-8", "replace")
        found.setdefault(local, (element.start + attribute.start(2) + 1, element.start + attribute.end(2) - 1))
    return found


def prefix(document: bytes, element: Element) -> bytes:
    """What stands in front of the element's name, its colon too; b"" for none."""
    name = re.split(rb"[\s/>]", document[element.start + 1 : element.inside], maxsplit=1)[0]
    return name[: name.find(b":") + 1]


def unescaped(text: bytes) -> bytes:
    """The characters that a piece of text without tags stands for."""
    return _REFERENCE.sub(_character, text)


def escaped(text: bytes) -> bytes:
    """The text as it may stand in content and between quotes."""
    for reference, character in _REFERENCES.items():
        text = text.replace(character, reference)
    return text


def _character(reference: re.Match[bytes]) -> bytes:
    number = int(reference[1], 16) if reference[1] else int(reference[2] or 0)
    if not number:
        return _REFERENCES[reference[0]]
    return chr(number).encode("utf-8", "replace") if number < 0x110000 else reference[0]


class _Reading:
    """What the parser says, as elements. Its byte index is that of the tag it is at."""

    def __init__(self, document: bytes) -> None:
        self.found: list[Element] = []
        self._document = document
        self._open: list[Element] = []
        self.parser = parser = expat.ParserCreate(namespace_separator=" ")
        parser.StartElementHandler = self._started
        parser.EndElementHandler = self._ended
        parser.StartDoctypeDeclHandler = self._refused
        parser.EntityDeclHandler = self._refused

    def _started(self, name: str, _attributes: dict[str, str]) -> None:
        if len(self._open) >= _DEEPEST:
            raise ValueError("nested too deeply")
        namespace, _, local = name.rpartition(" ")
        above: tuple[str, ...] = ()
        if self._open:
            self._open[-1].leaf = False
            above = self._open[-1].path
        start = self.parser.CurrentByteIndex
        tag = _TAG.match(self._document, start)
        if tag is None:
            raise ValueError("not well-formed XML")
        element = Element((*above, local), namespace, start, tag.end())
        self.found.append(element)
        self._open.append(element)

    def _ended(self, _name: str) -> None:
        element = self._open.pop()
        index = self.parser.CurrentByteIndex
        if self._document[element.inside - 2 : element.inside] == b"/>":
            element.outside = element.end = element.inside
            return
        tag = _TAG.match(self._document, index)
        element.outside, element.end = index, len(self._document) if tag is None else tag.end()

    def _refused(self, *_: object) -> None:
        raise ValueError("a document type is not accepted")
