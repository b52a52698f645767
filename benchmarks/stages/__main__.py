"""All stages: python -m benchmarks.stages [--out DIR] [--compare OLD.json] [--only WORD]."""

from benchmarks.bench import run_stages
from benchmarks.stages import STAGES
from command_line.running import run_program

if __name__ == "__main__":
    run_program(lambda: int(run_stages(STAGES) > 0))
