"""The real service on a published profile: `bentoml serve tests.stand_ins.published_service:Miner`."""

from tests.stand_ins import without_gpu

without_gpu.install()
without_gpu.install_fast_paths()

from service import Miner  # noqa: E402

__all__ = ["Miner"]
