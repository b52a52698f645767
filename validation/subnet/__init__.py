"""The score of the subnet's validator, from rendered views: alignment, quality, likeness of neighbours."""
