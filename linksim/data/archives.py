"""Reading gzipped tar archives member by member in memory. No path inside an archive is ever written to the disk."""

import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

from linksim.data.validation import validate

MAX_MEMBERS = 100_000


def members(path: Path, wanted: Callable[[str], bool], max_bytes: int) -> Iterator[tuple[str, bytes]]:
    """Yield the name and content of each wanted regular file, in archive order. Links and devices are skipped.

    path       gzipped tar archive
    wanted     selects the members to read, by name
    max_bytes  upper bound on the size of every member in bytes, wanted or not; the archive's own headers state the sizes, so a member
               that would fill the memory is refused before it is read

    Raises DataError if a member is larger or there are more than `MAX_MEMBERS` members, and the exceptions of `tarfile` for a damaged
    archive.
    """
    with tarfile.open(path, "r|gz") as archive:
        for count, member in enumerate(archive, 1):
            validate(count <= MAX_MEMBERS, path, f"has more than {MAX_MEMBERS:,} members")
            validate(member.size <= max_bytes, path, f"has a member of {member.size:,} bytes, allowed: {max_bytes:,}")
            stream = archive.extractfile(member) if member.isreg() and wanted(member.name) else None
            if stream is not None:
                yield member.name, stream.read()
