"""The same object with fewer splats."""
