"""Shared libraries without what only linkers and debuggers read, on any host, for any processor."""

import struct
from pathlib import Path

_MAGIC = b"\x7fELF\x02\x01"
"""elf(5), e_ident: 64 bits, little-endian, as on both processors that functions run on."""
_HEADER_BYTES = 64
_TABLES_AT = 32
"""elf(5): e_phoff and e_shoff."""
_SIZES_AT = 54
"""elf(5): e_phentsize, e_phnum, e_shentsize, e_shnum and e_shstrndx."""
_HAS_NO_BYTES = 8
"""elf(5): SHT_NOBITS."""


def strip(library: Path) -> int:
    """Cut off what a running program never reads, and give the number of bytes saved.

    A loader reads the segments that the program headers name. Symbols for linkers and debuggers
    and the table of sections stand behind the last one. A file that isn't a 64-bit little-endian
    ELF, or has bytes of its own behind its sections (an extension's signature), stays as it is.
    Holds the file once.
    """
    content = library.read_bytes()
    if not content.startswith(_MAGIC):
        return 0
    segments_at: int
    sections_at: int
    segments_at, sections_at = struct.unpack_from("<2Q", content, _TABLES_AT)
    segment_bytes, segments, section_bytes, sections, _ = struct.unpack_from(
        "<5H", content, _SIZES_AT
    )
    if sections == 0:
        return 0
    end: int = max(_HEADER_BYTES, segments_at + segment_bytes * segments)
    for start in range(segments_at, segments_at + segment_bytes * segments, segment_bytes):
        offset, _, _, in_file = struct.unpack_from("<4Q", content, start + 8)
        end = max(end, offset + in_file)
    known = sections_at + section_bytes * sections
    for start in range(sections_at, known, section_bytes):
        (kind,) = struct.unpack_from("<I", content, start + 4)
        offset, in_file = struct.unpack_from("<2Q", content, start + 24)
        known = max(known, 0 if kind == _HAS_NO_BYTES else offset + in_file)
    if not end < known == len(content):
        return 0
    kept = bytearray(content[:end])
    struct.pack_into("<Q", kept, _TABLES_AT + 8, 0)
    struct.pack_into("<3H", kept, _SIZES_AT + 4, 0, 0, 0)
    library.write_bytes(kept)
    return len(content) - end
