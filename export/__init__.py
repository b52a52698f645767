"""File formats: splat PLY and MP4, written and read back."""
