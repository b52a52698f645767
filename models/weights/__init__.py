"""Loading of weights: strict, on meta, in the published layouts."""
