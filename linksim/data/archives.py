"""Gzipped tar archives, member by member in memory: no path that an archive gives ever reaches the disk."""

import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

from linksim.data.validation import validate

MOST_MEMBERS = 100_000


def members(path: Path, wanted: Callable[[str], bool], most_bytes: int) -> Iterator[tuple[str, bytes]]:
    """Name and content of each wanted regular file, in the order of the archive; links and devices are passed over.

    most_bytes  no member, wanted or not, may be larger

    Raises DataError for a larger member and for too many of them; whatever `tarfile` raises for a damaged archive.
    """
    with tarfile.open(path, "r|gz") as archive:
        for count, member in enumerate(archive, 1):
            validate(count <= MOST_MEMBERS, path, f"has more than {MOST_MEMBERS:,} members")
            validate(member.size <= most_bytes, path, f"has a member of {member.size:,} bytes, allowed: {most_bytes:,}")
            stream = archive.extractfile(member) if member.isreg() and wanted(member.name) else None
            if stream is not None:
                yield member.name, stream.read()
