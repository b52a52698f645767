"""What counts as object in a matte."""

ALPHA_THRESHOLD = 204  # 0.8 * 255; what is not above it does not count as object
