"""Fetching of the published weights: ask the hub, move the bytes, keep the lock."""
