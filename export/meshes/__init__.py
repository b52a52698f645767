"""From an extracted surface to a deliverable mesh: clean-up, simplification, unwrapping, colour."""
