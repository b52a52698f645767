"""Our modules against recordings of another implementation: `python -m models.conformance DIR...`."""
