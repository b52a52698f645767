"""The mesh decoder's parts against plain ones, its batches, and its place in the pipeline."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch.nn import functional as F

from models.errors import WeightsError
from models.latents import LatentDecoderConfig
from models.mesh import decoder as mesh_decoder
from models.mesh import group_norm, subdivided_convolution
from models.mesh.decoder import MeshDecoder, MeshDecoderConfig
from models.mesh.group_norm import ObjectGroupNorm
from models.mesh.upsampling import UpsampleBlock
from models.sparse import SparseTensor, SubmanifoldConvolution, VoxelGrid, subdivide
from models.sparse.convolution import bagged_convolution
from models.trellis.modules import Modules
from models.trellis.networks import plain_networks
from tests.models.small_models import random_voxels, randomized


def random_latents(*counts: int) -> SparseTensor:
    generator = torch.Generator().manual_seed(0)
    feats = torch.randn(sum(counts), 8, generator=generator)
    return SparseTensor.of(random_voxels(*counts, box=(8, 8, 8)), feats)


def small_mesh_decoder(*, use_color: bool = True) -> MeshDecoder:
    trunk = LatentDecoderConfig(
        resolution=8, model_channels=256, latent_channels=8, num_blocks=1, num_heads=4, mlp_ratio=0.25
    )
    return randomized(MeshDecoder(MeshDecoderConfig(trunk=trunk, use_color=use_color)))


@torch.no_grad()
@pytest.mark.parametrize("chunk", [1, 4000, 2**25])
def test_convolutions_beside_a_subdivision_are_plain_ones(
    chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subdivided_convolution, "CHUNK_ELEMENTS", chunk)
    torch.manual_seed(0)
    coarse = VoxelGrid(random_voxels(40, 1, 25, box=(5, 4, 6)))
    weight, bias = torch.randn(7, 3, 3, 3, 5), torch.randn(7)
    fine = subdivide(SparseTensor(grid=coarse, feats=torch.randn(len(coarse), 5)))
    expected = bagged_convolution(fine.feats, fine.grid, weight, bias)
    folded = subdivided_convolution.upsampling_convolution(fine.feats[::8], coarse, weight, bias)
    torch.testing.assert_close(folded, expected, rtol=1e-5, atol=5e-5)
    uneven = torch.randn(len(fine.grid), 5)
    expected = bagged_convolution(uneven, fine.grid, weight, bias)
    actual = subdivided_convolution.sibling_convolution(uneven, coarse, weight, bias)
    torch.testing.assert_close(actual, expected, rtol=1e-5, atol=5e-5)


@pytest.mark.parametrize("chunk", [1, 84, 2**24])
def test_group_norm_takes_the_statistics_of_each_object_alone(
    chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_norm, "CHUNK_ELEMENTS", chunk)
    norm = randomized(ObjectGroupNorm(4, 12))
    grid = VoxelGrid(random_voxels(30, 1, 9))
    feats = torch.randn(40, 12, generator=torch.Generator().manual_seed(0)) * 3 + 5
    rows = torch.split(feats, grid.counts)
    expected = [F.group_norm(x.T[None], 4, norm.weight, norm.bias, norm.eps)[0].T for x in rows]
    torch.testing.assert_close(norm(feats, grid.objects), torch.cat(expected), rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_an_upsample_block_is_its_formula() -> None:
    torch.manual_seed(0)
    block = randomized(UpsampleBlock(64, 32))
    x = SparseTensor.of(random_voxels(20, 7, box=(4, 4, 4)), torch.randn(27, 64))
    conv_in, norm, conv_out = (block.out_layers[name] for name in ("0", "1", "3"))
    assert isinstance(conv_in, SubmanifoldConvolution)
    h = conv_in(subdivide(x.replace(F.silu(block.act_layers["0"](x.feats, x.grid.objects)))))
    h = conv_out(h.replace(F.silu(norm(h.feats, h.grid.objects))))
    expected = h.feats + block.skip_connection(subdivide(x)).feats
    actual = block(x)
    assert torch.equal(actual.coords, h.coords)
    torch.testing.assert_close(actual.feats, expected, rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_the_heads_chunks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    decoder, x = small_mesh_decoder(), random_latents(9)
    whole = decoder(x).feats
    monkeypatch.setattr(mesh_decoder, "HEAD_CHUNK", 100)
    torch.testing.assert_close(decoder(x).feats, whole, rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_batch_mates_do_not_change_a_mesh() -> None:
    decoder = small_mesh_decoder()
    x = random_latents(12, 5)
    together = decoder.to_meshes(decoder(x))
    for i, rows in enumerate((slice(12), slice(12, 17))):
        coords = x.coords[rows] - torch.tensor([i, 0, 0, 0])
        (alone,) = decoder.to_meshes(decoder(SparseTensor.of(coords, x.feats[rows])))
        assert alone.num_faces > 100
        assert torch.equal(together[i].faces, alone.faces)
        torch.testing.assert_close(together[i].vertices, alone.vertices, rtol=0, atol=1e-4)


@torch.no_grad()
def test_a_decoder_without_color_makes_bare_meshes() -> None:
    decoder = small_mesh_decoder(use_color=False)
    x = random_latents(6)
    (mesh,) = decoder.to_meshes(decoder(x))
    assert mesh.num_faces > 0
    assert mesh.attributes.shape == (mesh.num_vertices, 0)


def test_the_pipeline_loads_a_mesh_decoder_once_and_only_when_it_is_wanted(
    goldens: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "weights"
    shutil.copytree(goldens / "pipeline", folder)
    latents = random_latents(9)
    without = Modules.load(folder, device="cpu")
    assert not without.has_mesh_decoder
    with pytest.raises(WeightsError, match="mesh"):
        plain_networks(without).decode_mesh(latents)
    write_mesh_decoder(folder)
    modules = Modules.load(folder, device="cpu")
    assert modules.has_mesh_decoder
    (mesh,) = plain_networks(modules).decode_mesh(latents)
    assert mesh.num_faces > 100
    assert modules.mesh_decoder() is modules.mesh_decoder()
    assert not any(parameter.requires_grad for parameter in modules.mesh_decoder().parameters())


def write_mesh_decoder(folder: Path) -> None:
    """Puts random weights where the folder's pipeline.json expects a mesh decoder."""
    decoder = small_mesh_decoder()
    path = folder / json.loads((folder / "pipeline.json").read_text())["args"]["models"]["slat_decoder_mesh"]
    trunk = decoder.trunk_config
    sizes = ("resolution", "model_channels", "latent_channels", "num_blocks", "num_heads", "mlp_ratio")
    args = {name: getattr(trunk, name) for name in sizes}
    args |= {"use_fp16": True, "representation_config": {"use_color": True}}
    path.with_suffix(".json").write_text(json.dumps({"name": "SLatMeshDecoder", "args": args}))
    save_file(decoder.state_dict(), path.with_suffix(".safetensors"))
