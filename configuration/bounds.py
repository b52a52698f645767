"""Bounds that a configuration key and a request's parameter share."""

MIN_VIDEO_PIXELS, MAX_VIDEO_PIXELS = 64, 2160  # a side of films and thumbnails
