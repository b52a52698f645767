"""The training's forward pass, its loss, and the exported files."""

import json
from pathlib import Path

import pytest
import torch

from models.mesh.decoder import MeshDecoder
from models.sparse import SparseTensor
from models.weights.trellis_layout import read_module
from training.export import export_mesh
from training.loop import save_half
from training.mesh_decoder import DECODER, Example, corner_losses, new_decoder, raw_corners
from training.surface_distance import SurfaceValues

MEGABYTES = 1.2


def small_object() -> SparseTensor:
    generator = torch.Generator().manual_seed(0)
    axis = torch.arange(20, 24)
    places = torch.cartesian_prod(axis, axis, axis)[torch.randperm(64, generator=generator)[:40]]
    halves = [torch.cat([torch.full_like(places[:, :1], b), places + b], dim=1) for b in range(2)]
    return SparseTensor.of(torch.cat(halves), torch.randn(80, 8, generator=generator))


def truth(voxels: int) -> SurfaceValues:
    generator = torch.Generator().manual_seed(1)
    normals = torch.randn(voxels, 125, 3, generator=generator)
    return SurfaceValues(
        distance=torch.rand(voxels, 125, generator=generator) * 4 - 2,
        colors=torch.rand(voxels, 125, 3, generator=generator),
        normals=torch.nn.functional.normalize(normals, dim=-1),
    )


@torch.no_grad()
def test_training_sees_what_the_shipped_decoder_says() -> None:
    decoder, latents = new_decoder("cpu"), small_object()
    chosen = torch.tensor([3, 41, 79])
    ours = raw_corners(decoder, Example(latents=latents, chosen=chosen, truth=truth(3)), latents)
    shipped = decoder(latents).feats.view(80, 64, -1)[chosen]
    torch.testing.assert_close(ours, shipped, atol=2e-5, rtol=1e-4)


@pytest.mark.slow
def test_gradients_reach_all_tensors_and_leave_the_untrained_channels_zero() -> None:
    decoder, latents = new_decoder("cpu"), small_object()
    example = Example(latents=latents, chosen=torch.arange(80), truth=truth(80))
    optimizer = torch.optim.AdamW(decoder.parameters(), lr=1e-3)
    losses = []
    for _ in range(12):
        loss, _ = corner_losses(raw_corners(decoder, example, latents), example.truth)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0]
    assert all(p.grad is not None and bool(p.grad.any()) for p in decoder.parameters())
    with torch.no_grad():
        assert not bool(decoder(latents).feats[:, 8:53].any())


def test_the_exported_decoder_is_read_back_and_small(tmp_path: Path) -> None:
    family = tmp_path / "family"
    (family / "ckpts").mkdir(parents=True)
    pipeline = {"args": {"models": {"slat_flow_model": "ckpts/flow"}}}
    (family / "pipeline.json").write_text(json.dumps(pipeline))
    trained = new_decoder("cpu")
    save_half(tmp_path / "mesh_decoder.safetensors", trained.state_dict())
    export_mesh(tmp_path, family)
    models = json.loads((family / "pipeline.json").read_text())["args"]["models"]
    assert models.keys() == {"slat_flow_model", "slat_decoder_mesh"}
    path = family / models["slat_decoder_mesh"]
    assert path.with_suffix(".safetensors").stat().st_size <= MEGABYTES * 1e6
    decoder = read_module(path, device="cpu")
    assert isinstance(decoder, MeshDecoder)
    assert decoder.config == DECODER
    with torch.no_grad():
        ours, theirs = decoder(small_object()).feats, trained(small_object()).feats
    torch.testing.assert_close(ours, theirs, atol=0.02, rtol=0.02)
