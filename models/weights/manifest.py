"""The published weights: where each role's files come from, what they weigh, and under which licence.

A file lands in the weights folder as `<role folder>/<path in its source>`. Sizes are exact where they are
known; the estimates are for the operator's eyes and follow from the number of values. All other sizes, the
commits and the hashes come from the hub when files are resolved, and are kept in the lock.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Profile = Literal["24gb", "80gb"]
PROFILES: tuple[Profile, ...] = ("24gb", "80gb")
Backend = Literal["flux1-schnell", "flux2-klein-4b"]
BACKENDS: tuple[Backend, ...] = ("flux1-schnell", "flux2-klein-4b")
ScorerName = Literal["clip_laion", "subnet"]
SCORERS: tuple[ScorerName, ...] = ("clip_laion", "subnet")


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightFile:
    """One file of a source.

    Attributes:
        path: Inside the source's repository; for a URL, the file's name.
        size: Exact bytes; another size is refused.
        estimate: About how many bytes, where `size` is not known.
        sha256: Known content; needed where no hub says what to expect.
        optional: Fetched if the repository has it; its loader can do without.
    """

    path: str
    size: int | None = None
    estimate: int | None = None
    sha256: str | None = None
    optional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HubRepository:
    """A repository on the hub; `revision` is a branch, tag or commit, which the first download resolves."""

    name: str
    revision: str = "main"


@dataclass(frozen=True, slots=True, kw_only=True)
class Url:
    """One file outside the hub."""

    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightSource:
    """The files of one role.

    Attributes:
        role: What the service uses them for.
        origin: Where they come from.
        folder: Where they land in the weights folder.
        licence: Short name, or what is unclear about it.
        gated: The hub hands them out only to accounts that accepted the licence.
        profiles: Which profiles need them; none for what is only listed.
        backend: Needed only where `text_to_image.backend` names it.
        scorer: Needed only where `validation.scorer` names it.
        note: What an operator must know before using them.
    """

    role: str
    origin: HubRepository | Url
    folder: str
    licence: str
    files: tuple[WeightFile, ...]
    gated: bool = False
    profiles: tuple[Profile, ...] = PROFILES
    backend: Backend | None = None
    scorer: ScorerName | None = None
    note: str = ""

    @property
    def name(self) -> str:
        """The repository or address."""
        return self.origin.name if isinstance(self.origin, HubRepository) else self.origin.address

    def lands(self, file: WeightFile) -> str:
        """A file's path in the weights folder."""
        return f"{self.folder}/{file.path}"


def sources_of(
    profile: str,
    manifest: tuple[WeightSource, ...],
    backend: str = BACKENDS[0],
    scorer: str = SCORERS[0],
) -> tuple[WeightSource, ...]:
    """The sources a profile needs with one of the text-to-image back ends and of the scorers.

    Raises:
        ValueError: No source is for this profile.
    """
    found = tuple(
        source
        for source in manifest
        if profile in source.profiles
        and source.backend in (None, backend)
        and source.scorer in (None, scorer)
    )
    if not found:
        raise ValueError(f"no weights are published for profile {profile!r}")
    return found


def _shards(stem: str, count: int, tensor_bytes: int) -> Iterator[WeightFile]:
    for number in range(1, count + 1):
        name = f"{stem}-{number:05}-of-{count:05}.safetensors"
        yield WeightFile(path=name, estimate=tensor_bytes // count)
    yield WeightFile(path=f"{stem}.safetensors.index.json")


def _trellis(name: str, size: int) -> tuple[WeightFile, WeightFile]:
    return (
        WeightFile(path=f"ckpts/{name}.json"),
        WeightFile(path=f"ckpts/{name}.safetensors", size=size),
    )


FLUX = WeightSource(
    role="text to image",
    origin=HubRepository(name="black-forest-labs/FLUX.1-schnell"),
    folder="text_to_image",
    licence="Apache-2.0",
    gated=True,
    backend="flux1-schnell",
    files=(
        WeightFile(path="model_index.json"),
        WeightFile(path="scheduler/scheduler_config.json"),
        WeightFile(path="text_encoder/config.json"),
        WeightFile(path="text_encoder/model.safetensors", estimate=246_000_000),
        WeightFile(path="text_encoder_2/config.json"),
        *_shards("text_encoder_2/model", 2, 9_524_621_312),
        WeightFile(path="tokenizer/merges.txt"),
        WeightFile(path="tokenizer/special_tokens_map.json"),
        WeightFile(path="tokenizer/tokenizer_config.json"),
        WeightFile(path="tokenizer/vocab.json"),
        WeightFile(path="tokenizer_2/special_tokens_map.json"),
        WeightFile(path="tokenizer_2/tokenizer.json"),
        WeightFile(path="tokenizer_2/tokenizer_config.json"),
        WeightFile(path="transformer/config.json"),
        *_shards("transformer/diffusion_pytorch_model", 3, 23_782_357_120),
        WeightFile(path="vae/config.json"),
        WeightFile(path="vae/diffusion_pytorch_model.safetensors", estimate=168_000_000),
    ),
)

ISNET = WeightSource(
    role="matte",
    origin=HubRepository(name="NimaBoscarino/IS-Net_DIS-general-use"),
    folder="matte",
    licence="UNCLEAR",
    note="ISNet's code is Apache-2.0, but its weights carry no explicit licence of their authors and were"
    " trained on DIS5K, whose terms are non-commercial. This repository is a third party's copy. Decide for"
    " yourself before you mine with them.",
    files=(WeightFile(path="isnet-general-use.pth", estimate=176_600_000),),
)

TRELLIS = WeightSource(
    role="image to 3D",
    origin=HubRepository(name="microsoft/TRELLIS-image-large"),
    folder="image_to_3d",
    licence="MIT",
    files=(
        WeightFile(path="pipeline.json", size=1987),
        *_trellis("ss_flow_img_dit_L_16l8_fp16", 1_130_770_840),
        *_trellis("ss_dec_conv3d_16l8_fp16", 147_591_972),
        *_trellis("slat_flow_img_dit_L_64l8p2_fp16", 1_203_755_136),
        *_trellis("slat_dec_gs_swin8_B_64l8gs32_fp16", 171_450_952),
        *_trellis("slat_dec_mesh_swin8_B_64l8m256c_fp16", 181_903_412),
    ),
)

TRELLIS_RADIANCE_FIELD = WeightSource(
    role="image to 3D, radiance field",
    origin=TRELLIS.origin,
    folder=TRELLIS.folder,
    licence="MIT",
    profiles=(),
    note="Named in pipeline.json; nothing here decodes radiance fields.",
    files=_trellis("slat_dec_rf_swin8_B_64l8r16_fp16", 171_450_488),
)

DINOV2 = WeightSource(
    role="image encoder",
    origin=HubRepository(name="facebook/dinov2-with-registers-large"),
    folder="image_to_3d/image_cond_model",
    licence="Apache-2.0",
    files=(
        WeightFile(path="config.json"),
        WeightFile(path="model.safetensors", estimate=1_217_500_000),
    ),
)

CLIP = WeightSource(
    role="validation",
    origin=HubRepository(name="timm/vit_large_patch14_clip_224.openai"),
    folder="validation/clip",
    licence="MIT",
    files=(  # the tokenizer comes with open_clip
        WeightFile(path="open_clip_config.json"),
        WeightFile(path="open_clip_model.safetensors", estimate=1_710_500_000),
    ),
)

AESTHETICS = WeightSource(
    role="aesthetics",
    origin=Url(
        address="https://raw.githubusercontent.com/LAION-AI/aesthetic-predictor/main/sa_0_4_vit_l_14_linear.pth"
    ),
    folder="validation",
    licence="MIT",
    files=(
        WeightFile(
            path="sa_0_4_vit_l_14_linear.pth",
            size=4071,
            sha256="2cd4e60f4f24ae3bcd57b847b13c1f3ba27edc28cc1a7f9ce74ee9f421243cba",
        ),
    ),
)

FLUX2_KLEIN = WeightSource(
    role="text to image, flux2-klein-4b",
    origin=HubRepository(name="black-forest-labs/FLUX.2-klein-4B"),
    folder="text_to_image",
    licence="Apache-2.0",
    backend="flux2-klein-4b",
    note="In place of FLUX.1-schnell, because text_to_image.backend says so; not gated.",
    files=(
        WeightFile(path="model_index.json"),
        WeightFile(path="scheduler/scheduler_config.json"),
        WeightFile(path="text_encoder/config.json"),
        WeightFile(path="text_encoder/generation_config.json", optional=True),
        *_shards("text_encoder/model", 2, 8_045_000_000),
        WeightFile(path="tokenizer/added_tokens.json", optional=True),
        WeightFile(path="tokenizer/chat_template.jinja", optional=True),
        WeightFile(path="tokenizer/merges.txt"),
        WeightFile(path="tokenizer/special_tokens_map.json", optional=True),
        WeightFile(path="tokenizer/tokenizer.json"),
        WeightFile(path="tokenizer/tokenizer_config.json"),
        WeightFile(path="tokenizer/vocab.json"),
        WeightFile(path="transformer/config.json"),
        WeightFile(path="transformer/diffusion_pytorch_model.safetensors", estimate=7_750_000_000),
        WeightFile(path="vae/config.json"),
        WeightFile(path="vae/diffusion_pytorch_model.safetensors", estimate=168_000_000),
    ),
)

SUBNET_CLIP = WeightSource(
    role="validation, the subnet's scorer: alignment",
    origin=HubRepository(name="laion/CLIP-convnext_large_d.laion2B-s26B-b102K-augreg"),
    folder="validation/subnet/clip",
    licence="MIT",
    scorer="subnet",
    files=(  # the tokenizer comes with open_clip
        WeightFile(path="open_clip_config.json"),
        WeightFile(path="open_clip_pytorch_model.bin", estimate=1_407_000_000),
    ),
)

SUBNET_BACKBONE = WeightSource(
    role="validation, the subnet's scorer: quality",
    origin=HubRepository(name="facebook/dinov2-small", revision="150c8e7bb7cef2d30ec31b13a517af14840ee3f7"),
    folder="validation/subnet/dinov2",
    licence="Apache-2.0",
    scorer="subnet",
    files=(
        WeightFile(path="config.json"),
        WeightFile(path="model.safetensors", estimate=88_200_000),
    ),
)

SUBNET_HEAD = WeightSource(
    role="validation, the subnet's scorer: quality head",
    origin=HubRepository(name="404-Gen/validation", revision="948bf06988b630681c7bc468aebf2bbe010856f7"),
    folder="validation/subnet",
    licence="UNCLEAR",
    scorer="subnet",
    note="The repository states no licence for the validator's quality head. Decide for yourself before you"
    " use it.",
    files=(WeightFile(path="quality_scorer.safetensors", estimate=88_700_000),),
)

SUBNET_ALEXNET = WeightSource(
    role="validation, the subnet's scorer: LPIPS network",
    origin=Url(address="https://download.pytorch.org/models/alexnet-owt-7be5be79.pth"),
    folder="validation/subnet",
    licence="BSD-3-Clause",
    scorer="subnet",
    files=(
        WeightFile(
            path="alexnet-owt-7be5be79.pth",
            size=244_408_911,
            sha256="7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
        ),
    ),
)

SUBNET_LPIPS = WeightSource(
    role="validation, the subnet's scorer: LPIPS weights",
    origin=Url(
        address="https://raw.githubusercontent.com/richzhang/PerceptualSimilarity/master/lpips/weights/v0.1/alex.pth"
    ),
    folder="validation/subnet",
    licence="BSD-2-Clause",
    scorer="subnet",
    files=(
        WeightFile(
            path="alex.pth",
            size=6009,
            sha256="df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0",
        ),
    ),
)

SUBNET = (SUBNET_CLIP, SUBNET_BACKBONE, SUBNET_HEAD, SUBNET_ALEXNET, SUBNET_LPIPS)
MANIFEST = (FLUX, FLUX2_KLEIN, ISNET, TRELLIS, TRELLIS_RADIANCE_FIELD, DINOV2, CLIP, AESTHETICS, *SUBNET)
