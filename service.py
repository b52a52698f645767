"""The service: a prompt or a picture in, Gaussian splats (PLY) or a turntable video (MP4) out.

Every stage is a BentoML service of its own in `runners/`; this gateway loads no model. `bentoml serve` starts
all.
"""

import asyncio
import logging
from dataclasses import asdict
from typing import Any

import bentoml
from starlette.responses import Response

from configuration import load_configuration
from configuration.stages import NAMES, StageName
from gateway.access_log import AccessLog
from gateway.admission import Admission
from gateway.checked import takes_checked
from gateway.connections import install
from gateway.cors import Cors
from gateway.descriptions import (
    Bytes,
    Formats,
    Picture,
    Prompt,
    Seed,
    Size,
    Splats,
    Upload,
    VideoSize,
    body_of,
)
from gateway.film_times import FilmTimes, frames_of
from gateway.judging import JudgingRequest
from gateway.middleware import ContractMiddleware
from gateway.parameters import RANDOM_SEED
from gateway.pictures.limits import PictureLimits
from gateway.pipeline import Pipeline, Stages
from gateway.probes import ReadyProbe, create_probes, describe
from gateway.random_weights import RandomWeightsHeader
from gateway.readiness import Readiness
from gateway.request import GenerationRequest
from gateway.responses import Responses
from gateway.runner_client import RunnerClient
from gateway.workers import all_workers
from runners.formats import (
    USUAL_SIZE,
    Frame,
    SpzVersion,
    Wanted,
)
from runners.garbage import keep_for_good
from runners.handover import Handover, handover_root
from runners.inline import is_inline
from runners.life.folders import use_scratch_folder
from runners.life.metrics import look_after_folders
from runners.life.worker import is_supervised, leave_later
from runners.logs import escape_records
from runners.machine import raise_descriptor_limit
from runners.mesh import why_no_meshes
from runners.options import address_of, drain_seconds, gateway_service
from runners.own_socket import listen_apart
from runners.process import show_own_logs
from runners.shared import methods_of, runner_of, with_runners
from runners.start_checks import refuse_bad_start

# Here, because every process imports this file, the parent before it starts others.
escape_records()
raise_descriptor_limit()
install()
CONFIGURATION = load_configuration()
refuse_bad_start(CONFIGURATION)
if is_supervised():
    use_scratch_folder()
listen_apart()
OPTIONS = CONFIGURATION.services.gateway
HTTP = CONFIGURATION.services.http
if bentoml.server_context.worker_index is None:  # the process that will start the others, or a test's
    from runners.life.supervisor import supervise

    supervise(drain_seconds(CONFIGURATION.services, margins=2), [handover_root(OPTIONS.handover_folder)])
PROBES = create_probes(CONFIGURATION)

logger = logging.getLogger(__name__)


@bentoml.asgi_app(PROBES)
@bentoml.service(name="fast_3d_miner", **gateway_service(CONFIGURATION))
@with_runners
class Miner:
    """Text to 3D for the Three-Gen subnet."""

    def __init__(self) -> None:
        """Connects the stages."""
        show_own_logs()
        logger.info("%s", describe(CONFIGURATION))
        self._handover = Handover(handover_root(OPTIONS.handover_folder))
        stages = {name: self._client(name) for name in NAMES}
        lack = why_no_meshes(CONFIGURATION)
        self._pipeline = Pipeline(
            Stages(**stages),
            self._handover,
            max_retries=CONFIGURATION.validation.max_retries,
            meshes=lack is None,
            film_times=FilmTimes(
                num_frames=frames_of(CONFIGURATION.render), deadline_seconds=OPTIONS.video_deadline_seconds
            ),
        )
        self._responses = Responses(self._pipeline, why_no_meshes=lack, frame=CONFIGURATION.frame)
        services = {name: runner_of(CONFIGURATION, name) for name in stages}
        self._readiness = Readiness(
            self._pipeline,
            self._handover,
            all_workers(
                {services[name].name: getattr(self, name) for name in stages},
                {service.name: service for service in services.values()},
            ),
            {name: service.name for name, service in services.items()},
        )
        PROBES.state.report, PROBES.state.products = self._readiness.report, self._readiness.products
        PROBES.state.lack = self._lack
        self._admission = Admission(
            self._pipeline, self._responses, self._handover, OPTIONS, self._readiness.lack
        )
        if is_supervised():
            look_after_folders()
            limit = drain_seconds(CONFIGURATION.services)
            leave_later(lambda: self._admission.is_idle, limit, when_asked=self._admission.close)

    def _client(self, name: StageName) -> RunnerClient[Any, Any]:
        return RunnerClient(
            name,
            getattr(self, name),
            concurrency=CONFIGURATION.services.of(name).concurrency,
            methods=methods_of(CONFIGURATION, name),
            inline=is_inline(OPTIONS.handover, address_of(runner_of(CONFIGURATION, name))),
        )

    @bentoml.on_startup
    async def start_watching(self) -> None:
        """Warms the runners up in the background."""
        keep_for_good()
        self._watcher = asyncio.create_task(self._readiness.watch())

    @bentoml.on_shutdown
    async def leave(self) -> None:
        """Removes what it left in memory; the supervisor lets the runners go."""
        self._watcher.cancel()
        self._handover.close()

    def _lack(self) -> str | None:
        """Why /readyz says no."""
        return "the service is leaving" if self._admission.is_closed else self._readiness.lack(("ply",))

    async def __is_ready__(self) -> bool:
        return self._lack() is None

    @takes_checked
    @bentoml.api(route="/generate", output_spec=body_of("application/octet-stream"))
    async def generate(
        self,
        prompt: Prompt = "",
        image_b64: Picture = None,
        seed: Seed = RANDOM_SEED,
        format: Formats = ("ply",),
        exact: bool = False,
        frame: Frame = CONFIGURATION.frame,
        size: Size = USUAL_SIZE,
        spz_version: SpzVersion = 3,
        video_res: VideoSize = CONFIGURATION.render.resolution,
        splats: Splats | None = None,
        max_bytes: Bytes | None = None,
    ) -> Response:
        """Gaussian splats, or what `format` asks for; 204 if no attempt passed validation."""
        wanted = Wanted(
            frame=frame,
            size=size,
            spz_version=spz_version,
            pixels=video_res,
            splats=splats,
            max_bytes=max_bytes,
        )
        request = GenerationRequest(
            prompt=prompt, picture=image_b64, seed=seed, formats=format, wanted=wanted, exact=exact
        )
        return await self._answer(request)

    @takes_checked
    @bentoml.api(route="/generate_mesh", output_spec=body_of("model/gltf-binary"))
    async def generate_mesh(
        self,
        prompt: Prompt = "",
        image_b64: Picture = None,
        seed: Seed = RANDOM_SEED,
        exact: bool = False,
        size: Size = USUAL_SIZE,
    ) -> Response:
        """A textured mesh; 204 if no attempt passed validation."""
        wanted = Wanted(size=size)
        request = GenerationRequest(
            prompt=prompt, picture=image_b64, seed=seed, formats=("glb",), wanted=wanted, exact=exact
        )
        return await self._answer(request)

    @takes_checked
    @bentoml.api(route="/generate_video", output_spec=body_of("video/mp4"))
    async def generate_video(
        self,
        prompt: Prompt = "",
        image_b64: Picture = None,
        seed: Seed = RANDOM_SEED,
        video_res: VideoSize = CONFIGURATION.render.resolution,
        exact: bool = False,
    ) -> Response:
        """A turntable video; 204 if no attempt passed validation."""
        wanted = Wanted(pixels=video_res)
        request = GenerationRequest(
            prompt=prompt, picture=image_b64, seed=seed, formats=("mp4",), wanted=wanted, exact=exact
        )
        return await self._answer(request)

    @takes_checked
    @bentoml.api(route="/validate", output_spec=body_of("application/json"))
    async def validate(
        self,
        file: Upload,
        prompt: Prompt = "",
        image_b64: Picture = None,
        frame: Frame = CONFIGURATION.frame,
        sheet: bool = False,
    ) -> Response:
        """The verdict on a PLY, SPZ or splat GLB, as on an object of the service's own."""
        request = JudgingRequest(file=file, prompt=prompt, picture=image_b64, frame=frame, sheet=sheet)
        return await self._admission.judge(request)

    async def _answer(self, request: GenerationRequest) -> Response:
        return self._responses.refusal(request) or await self._admission.answer(request)


# The first one is the outermost: what the contract refuses is logged, can be read by pages, and names random
# weights too.
if HTTP.access_log:
    Miner.add_asgi_middleware(AccessLog)  # type: ignore[attr-defined]
if HTTP.cors_origins:
    Miner.add_asgi_middleware(Cors, origins=HTTP.cors_origins)  # type: ignore[attr-defined]
if CONFIGURATION.random_weights:
    Miner.add_asgi_middleware(RandomWeightsHeader)  # type: ignore[attr-defined]
Miner.add_asgi_middleware(  # type: ignore[attr-defined]
    ContractMiddleware,
    max_body_bytes=OPTIONS.max_body_bytes,
    body_seconds=HTTP.body_seconds,
    pictures=PictureLimits(**asdict(CONFIGURATION.pictures)),
    max_upload_bytes=OPTIONS.max_upload_bytes,
)
Miner.add_asgi_middleware(  # type: ignore[attr-defined]
    ReadyProbe, probes=PROBES, retry_after_seconds=OPTIONS.retry_after_seconds
)
