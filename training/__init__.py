"""How the embedded model family was made: procedural objects, training scripts, evaluation."""
