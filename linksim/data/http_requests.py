"""HTTP requests of a download: to http and https addresses only, also after a redirect, and from a server that keeps sending.

The timeout of a socket ends a transfer from a server that sends nothing, and `BLOCK_S` one from a server that sends a byte now and then.
Texts of the server, such as its reason phrase, are quoted in messages.
"""

import http.client
import time
from typing import IO
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from linksim.errors import DataError, quoted

SCHEMES = ("http", "https")
TIMEOUT_S = 30.0  # without a byte from the server
BLOCK = 1 << 18  # bytes per read
BLOCK_S = 64.0  # time for a block, or for a shorter rest of a file; less than 4 KiB/s is too slow
RETRYABLE_STATUSES = {408, 416, 425, 429, 500, 502, 503, 504}  # 416: the rest of a file that has become shorter


class InterruptedTransferError(Exception):
    """A transfer failed in a way that another attempt may fix.

    status  status of the server's answer, None if there was none
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class _HttpRedirects(HTTPRedirectHandler):
    """Follows redirects to http and https addresses; urllib would also follow one to ftp."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: http.client.HTTPMessage, newurl: str
    ) -> Request | None:
        if urlsplit(newurl).scheme not in SCHEMES:
            raise HTTPError(req.full_url, code, f"a redirect to {newurl}", headers, fp)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def check_address(url: str) -> None:
    """Raise DataError unless `url` is the address of a folder on a server: http or https, a host, and no query.

    >>> check_address("https://example.org:8080/files/")
    """
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna")
        plain = url.isascii() and url.isprintable() and " " not in url and not (parts.query or parts.fragment or parts.username)
        valid = parts.scheme in SCHEMES and host != b"" and plain and parts.port != 0
    except ValueError:  # an unmatched bracket, a port above 65535, a label of a host that is too long
        valid = False
    if not valid:
        raise DataError(f"origin {quoted(url)} is not an address; allowed: http://... or https://...")


def open_address(request: Request) -> http.client.HTTPResponse:
    """Send a request and return the response.

    Raises InterruptedTransferError for what another attempt may fix, a network error or one of `RETRYABLE_STATUSES`, and DataError for any
    other status, such as 404, and for what cannot be requested.
    """
    try:
        answer: http.client.HTTPResponse = build_opener(_HttpRedirects).open(request, timeout=TIMEOUT_S)
    except HTTPError as refusal:
        refusal.close()
        message = f"the server answers {refusal.code} {quoted(refusal.reason, limit=160)}"
        if refusal.code in RETRYABLE_STATUSES:
            raise InterruptedTransferError(message, refusal.code) from refusal
        raise DataError(f"{request.full_url}: {message}; use --origin for a mirror") from refusal
    except (OSError, http.client.HTTPException) as fault:
        raise InterruptedTransferError(_cause(fault)) from fault
    except ValueError as fault:  # a redirect to what is no address
        raise DataError(f"{request.full_url} cannot be requested: {_cause(fault)}") from fault
    return answer


def read_block(answer: http.client.HTTPResponse, rest: int | None) -> bytes:
    """Return the next `BLOCK` bytes of a response, fewer only at its end.

    rest  length of the rest of the response in bytes, None if unknown

    Raises InterruptedTransferError for a network error and for a block that takes longer than `BLOCK_S`.
    """
    size = BLOCK if rest is None else min(BLOCK, rest)
    block, deadline = bytearray(), time.monotonic() + BLOCK_S
    try:
        while len(block) < size and (part := answer.read1(size - len(block))):
            block += part
            if time.monotonic() > deadline:
                raise InterruptedTransferError(f"the server has sent only {len(block):,} bytes in {BLOCK_S:g} s")
    except (OSError, http.client.HTTPException) as fault:
        raise InterruptedTransferError(_cause(fault)) from fault
    return bytes(block)


def content_length(answer: http.client.HTTPResponse) -> int | None:
    """Return the length of a response in bytes as the server states it, None if it does not."""
    length = answer.headers.get("Content-Length", "")
    return int(length) if length.isascii() and length.isdecimal() and len(length) < 20 else None


def _cause(fault: Exception) -> str:
    """Return what an exception says, which may contain words of the server."""
    return quoted(fault, limit=160) if str(fault) else type(fault).__name__
