"""How many splats the programs that read our files take; imports nothing, for the gateway asks too."""

MIN_SPLATS = 7000  # the subnet's validator rejects an object with fewer
MAX_SPLATS = 10_000_000  # the subnet's compressor and validator read no more
