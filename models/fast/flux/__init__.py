"""FLUX's parts on a GPU: fused blocks, recorded steps, remembered prompts."""
