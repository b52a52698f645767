"""One script a stage; `python -m benchmarks.stages` runs them all."""

STAGES = (
    "structure_flow",
    "latent_flow",
    "structure_decoder",
    "gaussian_decoder",
    "clean_up",
    "hand_over",
    "image_encoder",
    "matting",
    "views",
    "clip",
    "text_encoders",
    "flux",
    "vae",
    "image_to_3d",
    "video",
)
