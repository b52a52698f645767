"""Putting a result at an address that a job names: a presigned URL of an object store.

The worker must not become a way into networks it can reach: only https, only hosts that the operator has
listed, no redirects, and no more than a bounded number of bytes.
"""

import re
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

import httpx

from gateway.errors import HttpError

HTTPS_PORT = 443
TIMEOUT_SECONDS = 60.0
MAX_URL_LENGTH = 8192
_HOST = re.compile(r"(\*\.)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadRules:
    """Where results may be put.

    Attributes:
        hosts: Names such as `bucket.s3.amazonaws.com`, `*.r2.cloudflarestorage.com` (any name below it), or
            `host:port` for another port than 443. None: nothing may be uploaded.
        max_bytes: Of one result.
    """

    hosts: tuple[str, ...] = ()
    max_bytes: int = 256 * 10**6

    @classmethod
    def of(cls, listed: str) -> Self:
        """The rules for hosts that are listed with commas between them.

        Raises:
            ValueError: One is no host.
        """
        hosts = tuple(host.strip().lower() for host in listed.split(",") if host.strip())
        for host in hosts:
            if not _HOST.fullmatch(host):
                raise ValueError(f"{host!r} is neither a host, nor *.host, nor host:port")
        return cls(hosts=hosts)

    def check(self, url: object) -> str:
        """The address, if a result may be put there.

        Raises:
            HttpError: 422 if not.
        """
        if not isinstance(url, str) or not url:
            raise HttpError(422, "deliver: url needs an upload_url, a presigned PUT address")
        if (
            len(url) > MAX_URL_LENGTH
            or not url.isascii()
            or not url.isprintable()
            or " " in url
            or "\\" in url
        ):
            raise HttpError(422, "upload_url is no web address")
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port or HTTPS_PORT
        except ValueError as error:
            raise HttpError(422, "upload_url is no web address") from error
        if parts.scheme != "https" or not host:
            raise HttpError(422, "upload_url must start with https://")
        if parts.username is not None or parts.password is not None:
            raise HttpError(422, "upload_url must not hold a user name")
        if not any(_matches(host, port, allowed) for allowed in self.hosts):
            raise HttpError(
                422, f"nothing may be put at {host}; the operator lists hosts in MINER_UPLOAD_HOSTS"
            )
        return url


def _matches(host: str, port: int, allowed: str) -> bool:
    name, _, number = allowed.partition(":")
    if port != int(number or HTTPS_PORT):
        return False
    return host == name or (name.startswith("*.") and host.endswith(name[1:]))


async def put(client: httpx.AsyncClient, url: str, body: bytes, media_type: str, rules: UploadRules) -> None:
    """Uploads one result.

    Raises:
        HttpError: 413 if it is too large, 502 if the store does not take it.
    """
    if len(body) > rules.max_bytes:
        raise HttpError(413, f"the result has {len(body)} bytes, of {rules.max_bytes} that may be uploaded")
    headers = {"Content-Type": media_type}
    try:
        reply = await client.put(
            url, content=body, headers=headers, follow_redirects=False, timeout=TIMEOUT_SECONDS
        )
    except httpx.HTTPError as error:
        raise HttpError(502, f"the upload failed: {type(error).__name__}", code="upload_failed") from error
    if not reply.is_success:  # a redirect is none, and is not followed
        detail = f"the upload was answered with {reply.status_code}"
        raise HttpError(502, detail, code="upload_failed")
