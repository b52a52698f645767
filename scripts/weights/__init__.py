"""Fetching of the published weights: ask the hub, move the bytes, keep the lock."""

import os

# A variable that is set but empty, as in a compose file, is not set. huggingface_hub reads its own when it is
# imported, and takes an empty HF_HOME for the current folder.
for _name in [name for name in os.environ if name.startswith("HF_") and not os.environ[name].strip()]:
    del os.environ[_name]
