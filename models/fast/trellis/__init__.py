"""TRELLIS's flows and decoders on a GPU: padded, fused and recorded."""
