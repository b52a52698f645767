"""The optional FLUX.2-klein backend, on a folder of tiny random networks in the published layout."""

from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import (
    AutoencoderKLFlux2,
    FlowMatchEulerDiscreteScheduler,
    Flux2KleinPipeline,
    Flux2Transformer2DModel,
)
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

from models.fast.quantization import QuantizedLinear, scheme_named
from models.image.text_to_image import KLEIN, TextToImage

WIDTH = 64
NUM_LAYERS = 28  # the pipeline reads the states after layers 9, 18 and 27
TEMPLATE = "{% for message in messages %}{{ message.content }}{% endfor %}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("klein")
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    bytes_only = Tokenizer(models.BPE({letter: i for i, letter in enumerate(alphabet)} | {"<pad>": 256}, []))
    bytes_only.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bytes_only.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bytes_only, pad_token="<pad>")
    tokenizer.chat_template = TEMPLATE
    text_config = Qwen3Config(
        vocab_size=257, hidden_size=WIDTH, intermediate_size=WIDTH, num_hidden_layers=NUM_LAYERS,
        num_attention_heads=2, num_key_value_heads=1, head_dim=32,
    )  # fmt: skip
    Flux2KleinPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(),
        vae=AutoencoderKLFlux2(
            down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
            block_out_channels=(8, 8, 8, 8), layers_per_block=1, latent_channels=4, norm_num_groups=4,
            sample_size=64,
        ),
        text_encoder=Qwen3ForCausalLM(text_config),
        tokenizer=tokenizer,
        transformer=Flux2Transformer2DModel(
            in_channels=16, num_layers=1, num_single_layers=1, attention_head_dim=32, num_attention_heads=2,
            joint_attention_dim=3 * WIDTH, timestep_guidance_channels=32, axes_dims_rope=(8, 8, 8, 8),
        ),
        is_distilled=True,
    ).save_pretrained(path)  # fmt: skip
    return path


def draw(model: TextToImage, seed: int) -> np.ndarray:
    return model.generate(["pink bicycle"], [seed], steps=2, resolution=64, max_sequence_length=32)[0]


def test_it_draws_through_the_same_interface_and_seeds_repeat(folder: Path) -> None:
    model = TextToImage.load(folder, device="cpu", backend=KLEIN)
    image = draw(model, 1)
    assert image.shape == (64, 64, 3)
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(image, draw(model, 1))
    assert np.abs(image.astype(int) - draw(model, 2)).max() > 0


def test_its_blocks_are_quantised_too(folder: Path) -> None:
    model = TextToImage.load(folder, device="cpu", backend=KLEIN, transformer_scheme=scheme_named("fp8"))
    layers = model.pipeline.transformer.modules()
    assert any(isinstance(layer, QuantizedLinear) for layer in layers)
    exact = draw(TextToImage.load(folder, device="cpu", backend=KLEIN), 1)
    assert np.abs(exact.astype(int) - draw(model, 1)).mean() < 8
