"""The real service with stand-in models: `bentoml serve tests.service.fake_service:Miner`."""

from tests.service import fakes

fakes.install()

from service import Miner  # noqa: E402

__all__ = ["Miner"]
