"""Gaussian splats: the domain type, the decoder and the clean-up."""
