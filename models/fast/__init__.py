"""Everything that only makes the networks faster: the plain modules beside this folder are the reference."""
