"""Cameras, splat renderers for the GPU and the CPU, contact sheets and turntable camera paths."""
