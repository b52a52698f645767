"""Meshes: the domain type, the decoder and the dual extraction."""
