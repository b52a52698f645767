"""Procedural, captioned 3D objects: solids, the builder, the kinds, and their surfaces as points and
renders.
"""
