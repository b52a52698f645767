"""Pictures for `benchmarks.picture_tasks`, and what names the objects that are made of them."""
