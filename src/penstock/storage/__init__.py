"""Files and folders wherever they are: local, s3, gs. Published whole or not at all, fetched once, tried again.

`at(uri)` gives a `Place`: a folder, or one file, under one address. What the adapters have in common is in `place`; one
is for this machine's file system and mounted volumes (`local`), one for every store that fsspec knows (`remote`).
`patience` tries again what may pass; `reasons` knows what may pass, and says why in one line.
"""

from penstock.storage.place import Damaged, NothingThere, Place, StoreError
from penstock.storage.places import at, in_store, is_remote

__all__ = ["Damaged", "NothingThere", "Place", "StoreError", "at", "in_store", "is_remote"]
