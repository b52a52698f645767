"""`scripts/download_weights.py` for one small source of the stand-in hub; start.sh runs it in a test."""

import sys

from scripts.download_weights import main
from tests.weights.conftest import OPEN

sys.exit(main(["--profile", "24gb"], manifest=(OPEN,), pause_seconds=0.0))
