"""The real service on a published profile: `bentoml serve tests.stand_ins.published_service:Miner`."""

from tests.stand_ins import without_card

without_card.install()
without_card.install_fast_paths()

from service import Miner  # noqa: E402

__all__ = ["Miner"]
