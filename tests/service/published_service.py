"""The real service on a published profile: `bentoml serve tests.service.published_service:Miner`."""

from tests.service import without_card

without_card.install()
without_card.install_fast_paths()

from service import Miner  # noqa: E402

__all__ = ["Miner"]
