"""Images to condition tokens."""
