"""The validator's score: hand-computed numbers, other programs' numbers, and tiny networks in its layouts."""

import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn.functional import interpolate
from torchvision.models import AlexNet

from models.errors import WeightsError
from tests.stand_ins import tiny_subnet
from validation.geometry import Geometry
from validation.scorers import ViewScorer, load_scorer
from validation.subnet.files import ALEXNET, FOLDER, HEAD, LINEAR, lack_of_files
from validation.subnet.formula import Parts
from validation.subnet.outliers import geometric_mean, without_outliers
from validation.subnet.perceptual import PerceptualDistance
from validation.subnet.quality import QualityHead
from validation.subnet.structure import ssim
from validation.verdict import Thresholds, judge

SOUND = Geometry(
    num_splats=7000, faint_share=0.0, all_rotations_identity=False, all_finite=True, extent=1.5, farthest=0.8
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("subnet") / "validation"
    tiny_subnet.write_subnet(folder)
    return folder


@pytest.fixture(scope="module")
def scorer(folder: Path) -> ViewScorer:
    return load_scorer("subnet", folder, device="cpu")


def views(count: int = 16, side: int = 70, shift: float = 0.3) -> Tensor:
    """Smooth pictures that change a little from one to the next."""
    y, x = torch.meshgrid(torch.arange(side) / side, torch.arange(side) / side, indexing="ij")
    waves = [
        [torch.sin((k + 1) * 7 * x + shift * i) * torch.cos((k + 2) * 5 * y) for k in range(3)]
        for i in range(count)
    ]
    return torch.stack([0.5 + 0.5 * torch.stack(wave, dim=-1) for wave in waves])


class TestFormula:
    """By hand: sigmoid(35 * 0.07) = 0.920558, sigmoid(30 * 0.2) = 0.997527."""

    def test_the_weights(self) -> None:
        parts = Parts(alignment=0.8, quality=0.7, ssim=0.9, lpips=0.9)
        expected = 0.75 * 0.7 + 0.2 * 0.8 + 0.025 * 0.920558 + 0.025 * 0.9 * 0.997527
        assert parts.total == pytest.approx(expected, abs=1e-6)
        assert parts.total == pytest.approx(0.730458, abs=1e-6)

    @pytest.mark.parametrize("alignment", [0.2999, 0.0, -1.0, math.nan])
    def test_too_little_alignment_is_nothing_at_all(self, alignment: float) -> None:
        assert Parts(alignment=alignment, quality=1.0, ssim=1.0, lpips=1.0).total == 0.0

    def test_alignment_at_its_limit_counts(self) -> None:
        parts = Parts(alignment=0.3, quality=0.0, ssim=-200.0, lpips=-200.0)
        assert parts.total == pytest.approx(0.06)  # no sigmoid overflows


class TestOutliers:
    def test_two_of_sixteen_go(self) -> None:
        values = torch.tensor([0.3 + 0.001 * i for i in range(14)] + [0.9, 0.0])
        assert without_outliers(values).tolist() == pytest.approx(values[:14].tolist())

    def test_values_equally_far_from_each_other_all_stay(self) -> None:
        assert len(without_outliers(torch.ones(16))) == 16
        assert len(without_outliers(torch.tensor([0.1, 0.9, 0.5]))) == 3

    @pytest.mark.parametrize("count", [6, 8, 16, 17])
    def test_any_values_against_the_definition(self, count: int) -> None:
        values = np.random.default_rng(count).uniform(0, 1, count).astype(np.float32)
        between = [
            sorted(abs(float(a) - float(b)) for j, b in enumerate(values) if j != i)
            for i, a in enumerate(values)
        ]
        far = np.array([near[4] for near in between])
        kept = values[far <= np.percentile(far, 90)]
        np.testing.assert_array_equal(without_outliers(torch.from_numpy(values)).numpy(), kept)

    def test_a_geometric_mean(self) -> None:
        assert geometric_mean(torch.tensor([0.2, 0.8])) == pytest.approx(0.4)
        assert geometric_mean(torch.tensor([0.0, 0.8])) == 0.0


class TestLikeness:
    def test_structural_similarity_as_torchmetrics_1_9_has_it(self) -> None:
        """Recorded from torchmetrics.functional.image with data_range=1.0, reduction=none."""

        def pictures(seed: float) -> Tensor:
            y, x = torch.meshgrid(torch.arange(64) / 64, torch.arange(64) / 64, indexing="ij")
            return torch.stack(
                [
                    torch.stack([
                        0.5 + 0.5 * torch.sin((k + 1 + c) * x * 7 + seed + i) * torch.cos((k + 2) * y * 5 + c)
                        for k, c in ((0, 0), (1, 1), (2, 2))
                    ])
                    for i in range(4)
                ]
            )  # fmt: skip

        expected = torch.tensor([0.9249368, 0.9271443, 0.9269722, 0.9242197])
        torch.testing.assert_close(ssim(pictures(0.0), pictures(0.3)), expected, rtol=0, atol=2e-6)

    def test_the_same_picture_twice_is_one_and_its_negative_is_less_than_nothing(self) -> None:
        shown = views(2).permute(0, 3, 1, 2)
        torch.testing.assert_close(ssim(shown, shown), torch.ones(2))
        assert bool((ssim(shown, 1.0 - shown) < 0).all())

    def test_perceptual_distance_follows_from_torchvisions_own_network(self) -> None:
        network = AlexNet(num_classes=1).eval()
        network.load_state_dict(tiny_subnet.alexnet(), strict=False)
        linear = tiny_subnet.lpips_weights()
        first, second = (views(2, 96, shift).permute(0, 3, 1, 2) for shift in (0.3, 0.9))
        expected, layer = torch.zeros(2), 0
        shift, scale = torch.tensor([-0.030, -0.088, -0.188]), torch.tensor([0.458, 0.448, 0.450])
        a, b = ((2 * one - 1 - shift[:, None, None]) / scale[:, None, None] for one in (first, second))
        with torch.no_grad():
            for number, part in enumerate(network.features):
                a, b = part(a.clone()), part(b.clone())
                if number in (1, 4, 7, 9, 11):  # after each rectifier
                    units = [one / (one.pow(2).sum(1, keepdim=True) + 1e-8).sqrt() for one in (a, b)]
                    gap = (units[0] - units[1]).pow(2) * linear[f"lin{layer}.model.1.weight"]
                    expected, layer = expected + gap.sum(1).mean((1, 2)), layer + 1
        distance = PerceptualDistance(tiny_subnet.alexnet(), linear, device=torch.device("cpu"))
        found = distance.between(distance.features(first), distance.features(second))
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-7)
        assert float(found[0]) == 0 < float(found[1])  # the first ones are the same


def test_quality_is_the_heads_probability_on_the_finetuned_class_token(folder: Path) -> None:
    own = folder / FOLDER
    state = load_file(own / HEAD)
    network = tiny_subnet.dino()
    with torch.no_grad():
        for tensor in network.parameters():
            tensor += tiny_subnet.FINETUNING
    shown = views(3).permute(0, 3, 1, 2)
    pixels = interpolate(shown, (56, 56), mode="bilinear", align_corners=False)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    with torch.no_grad():
        token = network((pixels - mean[:, None, None]) / std[:, None, None]).last_hidden_state[:, 0]
    expected = torch.sigmoid(token @ state["score_head.weight"][0] + 0.25)
    found = QualityHead.load(own / "dinov2", own / HEAD, device="cpu").rate(shown)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_a_head_without_a_backbone_rates_with_the_published_one(folder: Path, tmp_path: Path) -> None:
    whole = load_file(folder / FOLDER / HEAD)
    state = {name: tensor for name, tensor in whole.items() if name.startswith("score_head.")}
    save_file(state, tmp_path / HEAD)
    dino = folder / FOLDER / "dinov2"
    shown = views(2).permute(0, 3, 1, 2)
    alone = QualityHead.load(dino, tmp_path / HEAD, device="cpu").rate(shown)
    assert not torch.allclose(alone, QualityHead.load(dino, folder / FOLDER / HEAD, device="cpu").rate(shown))


class TestScores:
    def test_the_total_is_that_of_its_parts(self, scorer: ViewScorer) -> None:
        (scores,) = scorer.score(["a mug"], [views()])
        assert scores.alignment is not None
        parts = Parts(alignment=scores.alignment, **scores.parts)
        assert scores.total == pytest.approx(parts.total)
        assert scores.aesthetics == scores.parts["quality"]
        assert 0 < scores.parts["ssim"] < 1
        assert scores.parts["lpips"] < 1
        assert scores.similarity is None

    def test_alignment_is_the_filtered_geometric_mean_of_cosines_over_035(self, scorer: ViewScorer) -> None:
        """Against open_clip's own model, with the validator's scaling and standardisation."""
        import open_clip

        torch.manual_seed(3)
        model = open_clip.CLIP(**tiny_subnet.CLIP_CONFIG["model_cfg"]).eval()  # type: ignore[arg-type]
        mean = torch.tensor([0.48145466, 0.4578275, 0.40821073]) * 3
        std = torch.tensor([0.26862954, 0.26130258, 0.27577711]) * 3
        pixels = interpolate(views().permute(0, 3, 1, 2), (224, 224), mode="bicubic", align_corners=False)
        with torch.no_grad():
            seen = model.encode_image((pixels - mean[:, None, None]) / std[:, None, None], normalize=True)
            words = ["a mug", "blue tree", "one two three", "cow"]
            asked = model.encode_text(open_clip.SimpleTokenizer()(words), normalize=True)
        for number, scores in enumerate(scorer.score(words, [views()] * 4)):
            cosines = without_outliers(seen @ asked[number]).clamp(0, 1)
            assert scores.alignment == pytest.approx(geometric_mean(cosines) / 0.35, abs=1e-4)

    def test_a_picture_is_compared_without_that_factor(self, scorer: ViewScorer) -> None:
        same = views()[3]
        (alone,) = scorer.score([None], [views()], [same])
        assert alone.alignment is None
        assert alone.similarity is not None
        assert 0.5 < alone.similarity <= 1.0
        parts = Parts(alignment=alone.similarity, **alone.parts)
        assert alone.total == pytest.approx(parts.total)

    def test_of_prompt_and_picture_the_lower_counts_and_without_both_there_is_no_total(
        self, scorer: ViewScorer
    ) -> None:
        both, neither = scorer.score(["a mug", None], [views()] * 2, [views()[3], None])
        assert both.alignment is not None
        assert both.similarity is not None
        parts = Parts(alignment=min(both.alignment, both.similarity), **both.parts)
        assert both.total == pytest.approx(parts.total)
        assert neither.total is None

    def test_bytes_score_as_floats(self, scorer: ViewScorer) -> None:
        as_bytes = (views() * 255).round().to(torch.uint8)
        first, second = scorer.score(["mug"] * 2, [as_bytes, as_bytes.float() / 255])
        assert first.parts == pytest.approx(second.parts, abs=1e-6)

    def test_views_that_change_more_are_less_alike(self, scorer: ViewScorer) -> None:
        calm, wild = scorer.score(["mug"] * 2, [views(shift=0.05), views(shift=1.3)])
        assert calm.parts["ssim"] > wild.parts["ssim"]
        assert calm.parts["lpips"] > wild.parts["lpips"]

    def test_bad_arguments_are_refused(self, scorer: ViewScorer) -> None:
        with pytest.raises(ValueError, match="1 prompts but views of 2"):
            scorer.score(["tree"], [views(1), views(1)])
        with pytest.raises(ValueError, match="without views"):
            scorer.score(["tree"], [views(1)[:0]])
        assert scorer.score([], []) == []

    def test_the_total_alone_decides(self, scorer: ViewScorer) -> None:
        (scores,) = scorer.score(["a mug"], [views()])
        assert scores.total is not None
        thresholds = Thresholds(alignment=1.0, aesthetics=10.0, similarity=1.0, total=scores.total)
        assert judge(scores, thresholds, SOUND).passed
        verdict = judge(scores, Thresholds(alignment=-1, aesthetics=-10, total=scores.total + 0.01), SOUND)
        assert (verdict.passed, verdict.gate) == (False, "total")
        assert "total" in (verdict.reason or "")


class TestFiles:
    @pytest.mark.parametrize(
        "name",
        [
            "clip/open_clip_config.json",
            "clip/open_clip_pytorch_model.bin",
            "dinov2/config.json",
            "dinov2/model.safetensors",
            HEAD,
            ALEXNET,
            LINEAR,
        ],
    )
    def test_a_missing_file_is_named_in_one_sentence(self, folder: Path, tmp_path: Path, name: str) -> None:
        copy = shutil.copytree(folder, tmp_path / "validation")
        assert lack_of_files(copy) is None
        (copy / FOLDER / name).unlink()
        lack = lack_of_files(copy)
        assert lack is not None
        assert name in lack
        assert "\n" not in lack
        with pytest.raises(WeightsError, match="scorer: subnet needs"):
            load_scorer("subnet", copy, device="cpu")

    @pytest.mark.parametrize("name", [HEAD, ALEXNET, LINEAR])
    def test_a_damaged_or_foreign_file_is_a_weights_error(
        self, folder: Path, tmp_path: Path, name: str
    ) -> None:
        copy = shutil.copytree(folder, tmp_path / "validation")
        (copy / FOLDER / name).write_bytes(b"no weights at all")
        with pytest.raises(WeightsError):
            load_scorer("subnet", copy, device="cpu")
        shutil.copy(copy / FOLDER / (LINEAR if name != LINEAR else ALEXNET), copy / FOLDER / name)
        with pytest.raises(WeightsError):
            load_scorer("subnet", copy, device="cpu")
