"""What shows that a file is as it was written: its seal, size and digest in one string.

The footer of a Parquet file holds the digest of all that stands before it, so a seal needs the footer alone: it covers
every byte, and a manifest is written without reading what was written before.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from humpback.data_access.digests import digest_of, file_digest

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

_BODY = "humpback.body"
"""Where a footer has the digest of what stands before it."""
_MAGIC = b"PAR1"
_END = 8
"""Bytes behind a footer: its length, and the format's name again."""


def sealed_parquet(table: pa.Table, notes: Mapping[str, str]) -> bytes:
    """A Parquet file that can be checked, with notes in its footer."""
    import pyarrow.parquet as pq

    content = io.BytesIO()
    with pq.ParquetWriter(content, table.schema, compression="zstd", write_page_checksum=True) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata({**notes, _BODY: digest_of(content.getvalue())})
    return content.getvalue()


def read_footer(file: IO[bytes]) -> tuple[str, pq.FileMetaData]:
    """The seal of a Parquet file, and what its footer says.

    Raises:
        ValueError: It is no such file.
    """
    size = file.seek(0, io.SEEK_END)
    file.seek(-min(_END, size), io.SEEK_END)
    end = file.read()
    begin = size - _END - int.from_bytes(end[:4], "little")
    if end[4:] != _MAGIC or begin < len(_MAGIC):
        raise ValueError("it does not end as a Parquet file")
    file.seek(begin)
    footer = file.read()
    return f"{size} {digest_of(footer)}", _parsed(footer)


def open_sealed(content: bytes, seal: str) -> pa.Table:
    """The table in a Parquet file, none of whose bytes was changed.

    Args:
        content: The file.
        seal: Its seal; empty where none was kept. Then the footer is trusted; one of an earlier version has no digest.

    Raises:
        ValueError: A byte was changed.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    begin = len(content) - _END - int.from_bytes(content[-_END:-4], "little")
    if seal and (seal != f"{len(content)} {digest_of(content[max(0, begin) :])}"):
        raise ValueError("it is not the file that was written")
    # pyarrow is given nothing that the digests do not vouch for: some damage would end the process.
    body = (read_footer(io.BytesIO(content))[1].metadata or {}).get(_BODY.encode())
    if body is not None and body.decode("ascii", "replace") != digest_of(content[:begin]):
        raise ValueError("it was changed since it was written")
    with pq.ParquetFile(pa.BufferReader(content), page_checksum_verification=True) as file:
        return file.read(use_threads=False)


def seal_of(path: Path, *, anew: bool = False) -> str:
    """The seal of any other file on this machine."""
    return f"{path.stat().st_size} {file_digest(path, anew=anew)}"


def folder_seals(folder: Path) -> dict[str, str]:
    """The seal of each file of a folder on this machine, by its path there."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): seal_of(path) for path in files}


def size_in(seal: str) -> int:
    """The size that a seal names, in bytes."""
    return int(seal.partition(" ")[0])


def _parsed(footer: bytes) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    return pq.read_metadata(pa.BufferReader(_MAGIC + footer))
