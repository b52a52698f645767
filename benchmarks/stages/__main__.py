"""All stages: python -m benchmarks.stages [--out DIR] [--compare OLD.json] [--only WORD]."""

import sys

from benchmarks.bench import run_stages
from benchmarks.stages import STAGES

if __name__ == "__main__":
    sys.exit(run_stages(STAGES) > 0)
