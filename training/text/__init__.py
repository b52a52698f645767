"""The language of the embedded family: specs, captions, prompts of unknown things, tokenizers."""
