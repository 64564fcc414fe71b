"""Zstandard, from the standard library where Python has it and from its backport before."""

import sys

if sys.version_info >= (3, 14):
    from compression.zstd import DecompressionParameter, ZstdDecompressor, ZstdDict, ZstdError
else:
    from backports.zstd import DecompressionParameter, ZstdDecompressor, ZstdDict, ZstdError

__all__ = ["DecompressionParameter", "ZstdDecompressor", "ZstdDict", "ZstdError"]
