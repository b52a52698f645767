"""Whether a result is good enough to be sent: geometry gates, scores of rendered views, the verdict."""
