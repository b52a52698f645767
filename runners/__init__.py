"""One BentoML service per model process, and what they share with the gateway."""
