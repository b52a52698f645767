"""Every error the project raises on purpose.

    MinerError
    ├── WeightsError          a weights folder is missing, incomplete or of another shape
    ├── GenerationError       one request's generation failed; its batch mates are unaffected
    │   ├── EmptyMatteError       background removal found no object
    │   └── EmptyStructureError   the structure decoder found no occupied voxel
    └── SplatFileError        bytes that are no file of splats
        └── PlyFormatError        ... no Gaussian splat PLY

`ValueError` is kept for a caller's bad arguments, `assert` for invariants of our own code.
"""


class MinerError(Exception):
    """Base of every error raised on purpose."""


class WeightsError(MinerError):
    """A weights folder is missing, incomplete, or its tensors differ from the configured architecture."""


class GenerationError(MinerError):
    """One item's generation failed; it says nothing of the other items of its batch."""


class EmptyMatteError(GenerationError):
    """Background removal found no foreground object in the image."""


class EmptyStructureError(GenerationError):
    """The structure decoder found no occupied voxel."""


class SplatFileError(MinerError):
    """Bytes that are no file of splats, or one of a kind that is not read."""


class PlyFormatError(SplatFileError):
    """Bytes that are not a binary Gaussian splat PLY of the expected layout."""
