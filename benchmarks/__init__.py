"""Measurements; each script ends with one line of JSON."""
