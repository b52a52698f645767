"""Small limits for a gateway without models."""

from configuration.schema import GatewayOptions

OPTIONS = GatewayOptions(
    workers=1,
    concurrency=2,
    deadline_seconds=1.0,
    video_deadline_seconds=1.0,
    retry_after_seconds=7,
    max_body_bytes=4096,
    max_upload_bytes=4096,
    handover_folder="auto",
    handover="auto",
)
