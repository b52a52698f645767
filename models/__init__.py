"""Pure PyTorch models: each folder is named for what it outputs."""
