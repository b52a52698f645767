"""Cropping and the image encoder."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import Dinov2WithRegistersConfig, Dinov2WithRegistersModel

from models.conditioning import ImageEncoder, crop_to_object
from models.conditioning.device_crop import crop_on_device
from models.conditioning.dinov2 import Dinov2, Dinov2Config
from models.conditioning.hub_names import from_hub
from models.errors import EmptyMatteError, WeightsError

TINY = Dinov2WithRegistersConfig(
    hidden_size=24,
    num_hidden_layers=2,
    num_attention_heads=2,
    image_size=42,
    patch_size=14,
    num_register_tokens=4,
)
TINY_SIZES = Dinov2Config.of(TINY.to_dict(), "a tiny config")


def square_on_transparent(left: int, top: int, side: int) -> np.ndarray:
    image = np.zeros((60, 100, 4), np.uint8)
    image[..., :3] = (10, 20, 30)
    image[top : top + side, left : left + side] = (200, 100, 50, 255)
    return image


def test_the_crop_is_centred_on_the_object_with_a_margin_on_black() -> None:
    cropped = crop_to_object(square_on_transparent(50, 5, 41), 48)
    # the object spans 40 px between its outer pixels, so the crop is 48 px wide and is not resized
    assert cropped.shape == (48, 48, 3)
    occupied = np.nonzero(cropped.sum(axis=2))
    assert [int(axis.min()) for axis in occupied] == [4, 4]
    assert [int(axis.max()) for axis in occupied] == [44, 44]
    assert cropped[20, 20].tolist() == [200, 100, 50]


def test_a_crop_beyond_the_image_is_black() -> None:
    cropped = crop_to_object(square_on_transparent(0, 0, 41), 48)
    assert cropped[:4].max() == cropped[:, :4].max() == 0


@pytest.mark.parametrize("opaque", [0, 1])
def test_an_image_without_an_object_is_an_error_of_its_own(opaque: int) -> None:
    image = square_on_transparent(3, 3, opaque)
    image[40, 40, 3] = 204  # not above the threshold
    with pytest.raises(EmptyMatteError):
        crop_to_object(image, 32)


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
@pytest.mark.parametrize(
    ("left", "top", "side", "size"), [(50, 5, 41, 48), (0, 0, 41, 48), (70, 30, 25, 14), (20, 10, 30, 140)]
)
def test_the_crop_on_a_gpu_is_pillows_within_one_level(
    left: int, top: int, side: int, size: int, device: str
) -> None:
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("no GPU")
    image = np.random.default_rng(0).integers(0, 256, (60, 100, 4), np.uint8)
    image[..., 3] //= 2  # half transparent around the object, which has soft and hard pixels
    image[top : top + side, left : left + side, 3] |= 208
    image.setflags(write=False)  # as it comes from another process
    made = crop_on_device(image, size, torch.device(device)).cpu().numpy().astype(int)
    difference = np.abs(made - crop_to_object(image, size))
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.001
    with pytest.raises(EmptyMatteError):
        crop_on_device(np.zeros_like(image), size, torch.device(device))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_crop_does_not_wait_for_what_a_gpu_still_does() -> None:
    device = torch.device("cuda")
    image, large = square_on_transparent(20, 10, 30), torch.randn(8192, 8192, device=device)
    image.setflags(write=False)  # as it comes from another process
    expected = crop_on_device(image, 48, device)  # loads the kernels, which waits
    _ = large @ large
    torch.cuda.synchronize()
    for _ in range(50):  # a second of fp32 products
        _ = large @ large
    others = torch.cuda.Event()
    others.record()
    made = crop_on_device(image, 48, device)
    assert not others.query()
    torch.cuda.synchronize()
    assert torch.equal(made, expected)


def test_tokens_are_normalised_states_before_the_final_norm(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = Dinov2WithRegistersModel(TINY)
    for parameter in model.parameters():  # the last norm's as well, which must not matter
        torch.nn.init.normal_(parameter, std=0.2)
    model.save_pretrained(tmp_path)
    encoder = ImageEncoder.load(tmp_path, device="cpu")
    pixels = torch.randn(2, 3, 42, 42)
    with torch.inference_mode():
        states = model(pixels, output_hidden_states=True).hidden_states[-1]
        tokens = encoder(pixels)
    assert tokens.shape == (2, 1 + 4 + 9, 24)
    centred = states - states.mean(dim=2, keepdim=True)
    expected = centred / (centred.square().mean(dim=2, keepdim=True) + 1e-5).sqrt()
    torch.testing.assert_close(tokens, expected, rtol=1e-4, atol=1e-5)
    assert encoder.image_size == 42


def test_pixels_are_standardised() -> None:
    encoder = ImageEncoder(Dinov2(TINY_SIZES))
    pixels = encoder.to_pixels([np.full((42, 42, 3), 255, np.uint8)])
    torch.testing.assert_close(
        pixels[0, :, 0, 0], (1 - torch.tensor([0.485, 0.456, 0.406])) / torch.tensor([0.229, 0.224, 0.225])
    )


def test_incomplete_image_encoders_are_weights_errors(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"config\.json"):
        ImageEncoder.load(tmp_path, device="cpu")
    state = {name: t for name, t in Dinov2(TINY_SIZES).state_dict().items() if "mlp.fc1" not in name}
    with pytest.raises(WeightsError, match="fc1"):
        ImageEncoder.from_state(TINY_SIZES, state)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"use_swiglu_ffn": True}, "use_swiglu_ffn"),
        ({"hidden_act": "relu"}, "relu"),
        ({"hidden_size": None}, "hidden_size"),
    ],
)
def test_other_architectures_are_weights_errors(
    tmp_path: Path, change: dict[str, object], complaint: str
) -> None:
    description = {key: value for key, value in (TINY.to_dict() | change).items() if value is not None}
    (tmp_path / "config.json").write_text(json.dumps(description))
    with pytest.raises(WeightsError, match=complaint):
        ImageEncoder.load(tmp_path, device="cpu")


def test_images_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match="42 pixels"):
        ImageEncoder(Dinov2(TINY_SIZES))(torch.zeros(1, 3, 56, 56))


def test_hub_names_map_one_to_one_onto_the_published_names(shared: Path) -> None:
    keys = shared / "trellis" / "keys"
    hub, published = (
        json.loads((keys / f"dinov2_vitl14_reg.{kind}.json").read_text())["tensors"] for kind in ("hub", "hf")
    )
    renamed = from_hub({name: torch.empty(shape, device="meta") for name, shape in hub.items()})
    assert {name: list(tensor.shape) for name, tensor in renamed.items()} == published


def test_unknown_hub_names_are_refused() -> None:
    with pytest.raises(ValueError, match="head"):
        from_hub({"head.weight": torch.zeros(1)})
