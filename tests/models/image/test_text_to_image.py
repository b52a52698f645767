"""The Flux stage, on a folder of tiny random networks in the published layout."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from command_line.places import ROOT
from models.errors import WeightsError
from models.image.text_to_image import TextToImage
from models.stopping import steps_checked
from training.flow import sample
from training.flux_family import SMOKE, FluxFamily, pack, save_family, save_tokenizers, unpack
from training.text.tokenizers import clip_token_ids, t5_token_ids

TEXTS = ["a pink bicycle", "blue chair with yellow legs", "green tree", "the red car, shiny"] * 3
LENGTH = 32
SIDE = SMOKE.resolution


@pytest.fixture(scope="module")
def family_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("weights") / "text_to_image"
    family = FluxFamily(SMOKE, *save_tokenizers(TEXTS, folder))
    save_family(family, folder)
    return folder


@pytest.fixture(scope="module")
def model(family_folder: Path) -> TextToImage:
    return TextToImage.load(family_folder, device="cpu")


def draw(model: TextToImage, prompts: list[str], seeds: list[int]) -> list[np.ndarray]:
    return model.generate(prompts, seeds, steps=2, resolution=SIDE, max_sequence_length=LENGTH)


def test_images_are_square_uint8_rgb_one_for_each_prompt(model: TextToImage) -> None:
    images = draw(model, ["pink bicycle", "42", ""], [1, 2, 3])
    assert [image.shape for image in images] == [(SIDE, SIDE, 3)] * 3
    assert all(image.dtype == np.uint8 for image in images)


def test_the_same_prompt_and_seed_give_the_same_image(model: TextToImage) -> None:
    first, again = (draw(model, ["pink bicycle"], [7])[0] for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_drawing_stops_after_the_step_at_which_its_caller_wants_to(model: TextToImage) -> None:
    asked: list[int] = []

    def check() -> None:
        asked.append(1)
        if len(asked) == 2:
            raise InterruptedError

    with pytest.raises(InterruptedError), steps_checked(check):
        model.generate(["mug"], [1], steps=9, resolution=SIDE, max_sequence_length=LENGTH)
    assert len(asked) == 2


def test_another_seed_gives_another_image(model: TextToImage) -> None:
    one, two = draw(model, ["pink bicycle", "pink bicycle"], [7, 8])
    assert np.abs(one.astype(int) - two).max() > 8


def test_batch_mates_never_change_an_image(model: TextToImage) -> None:
    alone = draw(model, ["pink bicycle"], [7])[0]
    among_others = draw(model, ["green tree", "pink bicycle", "chair"], [1, 7, 9])[1]
    assert np.abs(alone.astype(int) - among_others).max() <= 1  # rounding of the batched products only


def test_a_resolution_other_than_the_trained_one_is_drawn(model: TextToImage) -> None:
    image = model.generate(["tree"], [0], steps=1, resolution=2 * SIDE, max_sequence_length=LENGTH)[0]
    assert image.shape == (2 * SIDE, 2 * SIDE, 3)


def test_a_prompt_longer_than_the_encoders_read_is_cut(model: TextToImage) -> None:
    assert len(draw(model, ["shiny " * 200], [0])) == 1


def test_what_is_cut_is_told(model: TextToImage) -> None:
    assert model.cuts("shiny tree", LENGTH) == []
    clip, t5 = model.cuts("shiny " * 200, LENGTH)
    assert clip.startswith(f"clip;read={model.pipeline.tokenizer.model_max_length};of=")
    assert t5.startswith(f"t5;read={LENGTH};of=")
    assert all(int(one.rpartition("=")[2]) >= 200 for one in (clip, t5))
    longest = next(n for n in range(1, 200) if model.cuts("tree " * (n + 1), LENGTH))
    ids = model.pipeline.tokenizer_2("tree " * longest, max_length=LENGTH, truncation=True).input_ids
    assert len(ids) == len(model.pipeline.tokenizer_2("tree " * longest).input_ids) <= LENGTH


def test_no_prompts_give_no_images(model: TextToImage) -> None:
    assert draw(model, [], []) == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seeds": [1, 2]}, "1 prompts but 2 seeds"),
        ({"steps": 0}, "steps"),
        ({"resolution": 40}, "multiple of 16"),
        ({"resolution": 0}, "multiple of 16"),
    ],
)
def test_bad_arguments_are_refused(model: TextToImage, changes: dict[str, object], message: str) -> None:
    arguments: dict[str, object] = {"prompts": ["tree"], "seeds": [1], "steps": 1, "resolution": SIDE}
    with pytest.raises(ValueError, match=message):
        model.generate(**(arguments | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("part", ["transformer", "vae", "tokenizer_2", "scheduler"])
def test_a_missing_part_is_named(family_folder: Path, tmp_path: Path, part: str) -> None:
    folder = shutil.copytree(family_folder, tmp_path / "copy")
    shutil.rmtree(folder / part)
    with pytest.raises(WeightsError, match=part):
        TextToImage.load(folder, device="cpu")


def test_missing_weights_in_a_part_are_a_weights_error(family_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(family_folder, tmp_path / "copy")
    (folder / "transformer" / "diffusion_pytorch_model.safetensors").unlink()
    with pytest.raises(WeightsError, match="no weights file"):
        TextToImage.load(folder, device="cpu")


def test_a_folder_without_an_index_is_a_weights_error(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"model_index\.json"):
        TextToImage.load(tmp_path, device="cpu")


def test_the_index_names_the_classes_of_the_published_layout(family_folder: Path) -> None:
    index = json.loads((family_folder / "model_index.json").read_text(encoding="utf-8"))
    assert index["_class_name"] == "FluxPipeline"
    assert index["tokenizer_2"] == ["transformers", "T5TokenizerFast"]


def test_the_published_index_names_the_same_parts(family_folder: Path) -> None:
    published = ROOT.parent / "shared/data/FLUX.1-schnell/model_index.json"
    if not published.is_file():
        pytest.skip("the published FLUX.1-schnell configs are not here")
    ours = json.loads((family_folder / "model_index.json").read_text(encoding="utf-8"))
    theirs = json.loads(published.read_text(encoding="utf-8"))
    assert {k: v for k, v in ours.items() if isinstance(v, list)} == {
        k: v for k, v in theirs.items() if isinstance(v, list)
    }


def test_packing_is_undone_by_unpacking() -> None:
    latents = torch.randn(2, 4, 6, 6)
    torch.testing.assert_close(unpack(pack(latents)), latents)


def test_training_samples_as_the_pipeline_does(family_folder: Path, model: TextToImage) -> None:
    """The trainer's own tokens, schedule, packing and decoding agree with the pipeline's."""
    torch.manual_seed(0)
    family = FluxFamily(SMOKE, *(len_of(family_folder, name) for name in ("tokenizer", "tokenizer_2")))
    pipeline = model.pipeline
    for name in ("transformer", "vae", "text_encoder", "text_encoder_2"):
        getattr(family, name).load_state_dict(getattr(pipeline, name).state_dict())
    prompts = ["Pink bicycle, shiny", "blue chair"]
    clip_ids = torch.tensor(clip_token_ids(family_folder / "tokenizer", prompts))
    t5_ids = torch.tensor(t5_token_ids(family_folder / "tokenizer_2", prompts))
    ours = sample(family.eval(), clip_ids, t5_ids, steps=3, seed=5)
    noise = torch.randn(2, 16, SIDE // 8, SIDE // 8, generator=torch.Generator().manual_seed(5))
    theirs = pipeline(
        prompt=prompts, latents=pack(noise), num_inference_steps=3, height=SIDE, width=SIDE,
        guidance_scale=0.0, max_sequence_length=LENGTH, output_type="np",
    ).images  # fmt: skip
    assert np.abs(ours.permute(0, 2, 3, 1).numpy() / 2 + 0.5 - theirs).max() < 2e-5  # seen: 2e-6


def len_of(folder: Path, name: str) -> int:
    if name == "tokenizer":
        return len(json.loads((folder / name / "vocab.json").read_text(encoding="utf-8")))
    return len(json.loads((folder / name / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"])
