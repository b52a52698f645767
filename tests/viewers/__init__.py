"""Other people's viewers, headless: which file stands upright where."""
