"""A published profile with stand-in models: `bentoml serve tests.stand_ins.fake_published_service:Miner`."""

from tests.stand_ins import fakes, without_gpu

fakes.install()
without_gpu.install()

from service import Miner  # noqa: E402

__all__ = ["Miner"]
