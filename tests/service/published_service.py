"""The real service on a published profile: `bentoml serve tests.service.published_service:Miner`."""

from tests.service import without_card

without_card.install()

from service import Miner  # noqa: E402

__all__ = ["Miner"]
