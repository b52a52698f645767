"""Scores of views, on tiny random networks."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity

from models.errors import WeightsError
from models.fast.graphs import GraphRecorder
from models.fast.recorded import recorded
from validation.scorer import Scorer


@pytest.fixture(scope="module")
def scorer(judge_folder: Path) -> Scorer:
    return Scorer.load(judge_folder, device="cpu")


def views(seed: int, count: int = 4, side: int = 40) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, side, side, 3), dtype=torch.uint8, generator=generator)


def test_alignment_is_the_mean_cosine_of_prompt_and_views(scorer: Scorer) -> None:
    word = scorer.embed_texts(["pink bicycle"])[0]
    pictures = scorer.embed_views(scorer.prepare(views(0)))
    expected = cosine_similarity(pictures, word[None]).mean()
    assert scorer.score(["pink bicycle"], [views(0)])[0].alignment == pytest.approx(float(expected), abs=1e-6)


def test_embeddings_have_unit_norm(scorer: Scorer) -> None:
    norms = scorer.embed_views(scorer.prepare(views(1))).norm(dim=-1)
    torch.testing.assert_close(norms, torch.ones(4))


def test_batch_mates_never_change_scores(scorer: Scorer) -> None:
    alone = scorer.score(["green tree"], [views(1)])[0]
    batch = scorer.score(["42", "green tree", "chair"], [views(2, 3, 64), views(1), views(3, 1)])[1]
    assert batch.alignment == pytest.approx(alone.alignment, abs=1e-5)
    assert batch.aesthetics == pytest.approx(alone.aesthetics, abs=1e-4)


def test_replayed_towers_give_the_same_scores(judge_folder: Path, scorer: Scorer) -> None:
    recorder = GraphRecorder("cpu")
    replayed = Scorer.load(
        judge_folder,
        device="cpu",
        faster=lambda clip: clip.with_towers(lambda tower, name: recorded(tower, recorder, name)),
    )
    prompts, pictures = ["a mug", "a red chair"], [views(1), views(2)]
    for actual, expected in zip(
        replayed.score(prompts, pictures), scorer.score(prompts, pictures), strict=True
    ):
        assert actual.alignment == pytest.approx(expected.alignment, abs=1e-5)
        assert abs(actual.aesthetics - expected.aesthetics) < 1e-4


def test_similarity_is_the_mean_of_the_two_best_cosines_of_picture_and_views(scorer: Scorer) -> None:
    shown = scorer.embed_views(scorer.prepare(views(7, count=1)))[0]
    cosines = scorer.embed_views(scorer.prepare(views(0))) @ shown
    expected = float(sum(sorted(cosines.tolist())[-2:]) / 2)
    alone, both, neither = scorer.score(
        [None, "tree", "tree"], [views(0)] * 3, [views(7, count=1)[0]] * 2 + [None]
    )
    assert [alone.similarity, both.similarity] == pytest.approx([expected] * 2, abs=1e-5)
    assert (alone.alignment, neither.similarity) == (None, None)
    assert both.alignment == pytest.approx(neither.alignment, abs=1e-5)


def test_floating_views_score_as_their_bytes_do(scorer: Scorer) -> None:
    as_bytes, as_floats = scorer.score(["tree", "tree"], [views(1), views(1).float() / 255])
    assert as_floats.alignment == pytest.approx(as_bytes.alignment, abs=1e-6)


def test_aesthetics_do_not_depend_on_the_prompt(scorer: Scorer) -> None:
    one, two = scorer.score(["tree", "pink bicycle"], [views(1), views(1)])
    assert one.aesthetics == pytest.approx(two.aesthetics, abs=1e-6)
    assert one.alignment != two.alignment


def test_any_prompt_is_scored(scorer: Scorer) -> None:
    prompts = ["", "42", '{"a":1}', "日本 🚲", "shiny " * 300]
    scores = scorer.score(prompts, [views(1)] * len(prompts))
    assert all(item.alignment is not None and -1 <= item.alignment <= 1 for item in scores)


def test_what_is_cut_is_told(scorer: Scorer) -> None:
    limit = scorer._clip.tokenizer(["tree"]).shape[1]
    assert scorer.cuts("green tree") == scorer.cuts("") == []
    (told,) = scorer.cuts("tree " * 300)
    assert told == f"clip;read={limit};of=302"  # with the marks of both ends


def test_bad_arguments_are_refused(scorer: Scorer) -> None:
    with pytest.raises(ValueError, match="1 prompts but views of 2"):
        scorer.score(["tree"], [views(1), views(2)])
    with pytest.raises(ValueError, match="without views"):
        scorer.score(["tree"], [views(1)[:0]])
    assert scorer.score([], []) == []


@pytest.mark.parametrize(
    "missing",
    [
        "clip/open_clip_config.json",
        "clip/open_clip_model.safetensors",
        "clip/vocab.json",
        "aesthetics.safetensors",
    ],
)
def test_a_missing_file_is_a_weights_error(judge_folder: Path, tmp_path: Path, missing: str) -> None:
    folder = shutil.copytree(judge_folder, tmp_path / "copy")
    (folder / missing).unlink()
    with pytest.raises(WeightsError):
        Scorer.load(folder, device="cpu")


def test_weights_of_another_architecture_are_a_weights_error(judge_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(judge_folder, tmp_path / "copy")
    config = folder / "clip" / "open_clip_config.json"
    content = json.loads(config.read_text(encoding="utf-8"))
    content["model_cfg"]["vision_cfg"]["layers"] += 1
    config.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(WeightsError, match="cannot load"):
        Scorer.load(folder, device="cpu")


def test_a_head_for_other_embeddings_is_a_weights_error(judge_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(judge_folder, tmp_path / "copy")
    (folder / "aesthetics.safetensors").unlink()
    torch.save({"weight": torch.zeros(1, 768), "bias": torch.zeros(1)}, folder / "head.pth")
    with pytest.raises(WeightsError, match="768"):
        Scorer.load(folder, device="cpu")
