"""Which requests two parsers could read in two ways, and the names of the fields that say where a message ends."""

from __future__ import annotations

from types import MappingProxyType

OTHER, HOST, CONTENT_LENGTH, TRANSFER_ENCODING, EXPECT = range(5)
FIELDS = MappingProxyType(  # lower-case name to code; a name that is not here is OTHER
    {
        b"host": HOST,
        b"content-length": CONTENT_LENGTH,
        b"transfer-encoding": TRANSFER_ENCODING,
        b"expect": EXPECT,
    }
)
