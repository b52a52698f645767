"""FLUX's text encoders: T5-XXL on 256 tokens and CLIP's text tower."""

from collections.abc import Iterator
from functools import partial

from benchmarks.bench import Case, Lab, Work, run_stages
from benchmarks.measure import Call
from command_line.running import run_program

FLOPS = 256 * 24 * (2 * (4 * 4096 * 4096 + 3 * 4096 * 10240) + 4 * 256 * 4096)
WEIGHT_BYTES = 2 * 4.63e9


def cases(lab: Lab) -> Iterator[Case]:
    for prompts in (1, 4):
        yield Case(
            name=f"prompts to states, batch {prompts}",
            build=partial(_encode, lab, prompts),
            work=Work(flops=prompts * FLOPS, moved_bytes=WEIGHT_BYTES),
        )


def _encode(lab: Lab, prompts: int) -> Call:
    pipeline = lab.text_to_image.pipeline
    words = [f"a pink bicycle with {i} wheels" for i in range(prompts)]
    length = lab.sizes.prompt_tokens
    return lambda: pipeline.encode_prompt(words, None, device=lab.device, max_sequence_length=length)


if __name__ == "__main__":
    run_program(lambda: int(run_stages(["text_encoders"]) > 0))
