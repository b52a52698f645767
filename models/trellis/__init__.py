"""TRELLIS from a cut-out image to splats and meshes: its modules, what they are as functions, and the run."""
