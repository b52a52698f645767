"""What a job gives back.

    {"status": "done", "seed": 7, "format": "ply", "bytes": 1751007, "sha256": "...", "content": BASE64, ...}
    {"status": "done", ..., "uploaded": true}
    {"status": "rejected", "seed": 7, "reason": "alignment 0.11 is below 0.2"}
    {"error": "{\\"error\\": \\"invalid_parameter\\", \\"detail\\": \\"prompt is missing\\"}"}

RunPod shows a job with `error` as FAILED, and takes nothing but a text there: so it is the service's error as
JSON.
"""

import base64
import hashlib
import json
from typing import Any

import httpx

from deploy.runpod.orders import Order
from deploy.runpod.uploads import UploadRules, put
from gateway.errors import HttpError

Result = dict[str, Any]


def failed(error: HttpError) -> Result:
    """An error in the service's shape."""
    return {"error": json.dumps({"error": error.code, "detail": error.detail})}


def error_of(reply: httpx.Response) -> HttpError:
    """The error that the service answered with."""
    try:
        told = reply.json()
        return HttpError(reply.status_code, str(told["detail"]), code=str(told["error"]))
    except (ValueError, KeyError, TypeError):
        return HttpError(reply.status_code)


async def delivered(
    reply: httpx.Response, order: Order, client: httpx.AsyncClient, rules: UploadRules, inline_bytes: int
) -> Result:
    """The service's 200 or 204 as a job's result, with the file inline or uploaded.

    Raises:
        HttpError: The file is too large, or the upload failed.
    """
    seed = int(reply.headers["x-seed"])
    if reply.status_code == httpx.codes.NO_CONTENT:
        return {"status": "rejected", "seed": seed, "reason": reply.headers.get("x-reject-reason", "")}
    body, media_type = reply.content, reply.headers["content-type"]
    told = {
        "status": "done",
        "seed": seed,
        "format": ",".join(order.formats),
        "media_type": media_type,
        "bytes": len(body),
        "sha256": hashlib.sha256(body).hexdigest(),
        "server_timing": reply.headers.get("server-timing", ""),
    }
    if order.upload_url is not None:
        await put(client, order.upload_url, body, media_type, rules)
        return told | {"uploaded": True}
    if len(body) > inline_bytes:
        raise HttpError(
            413,
            f"the result has {len(body)} bytes and an inline answer takes {inline_bytes}: ask for format spz,"
            " which is several times smaller than a PLY, or for deliver: url",
            code="result_too_large",
        )
    return told | {"content": base64.b64encode(body).decode("ascii")}
