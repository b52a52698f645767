"""A caller's picture: recognised, measured before it is decoded, and shown as a person sees it.

Only `decoding` needs numpy and Pillow: RunPod's worker, whose own environment has neither, reads the rest.
"""
