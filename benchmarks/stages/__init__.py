"""One script a stage; `python -m benchmarks.stages` runs them all."""

STAGES = (  # those that compile much come last, so that a bounded run has seen all others
    "image_encoder",
    "matting",
    "structure_decoder",
    "clean_up",
    "hand_over",
    "views",
    "clip",
    "text_encoders",
    "vae",
    "gaussian_decoder",
    "structure_flow",
    "latent_flow",
    "flux",
    "image_to_3d",
    "video",
)
