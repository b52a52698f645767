"""The real service with stand-in models: `bentoml serve tests.stand_ins.fake_service:Miner`."""

from tests.stand_ins import fakes

fakes.install()

from service import Miner  # noqa: E402

__all__ = ["Miner"]
