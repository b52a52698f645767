"""Unwrapping with xatlas in a process of its own, which can be stopped; run as a file, it loads little.

Standard input: an .npz with vertices, faces, side and margin. Standard output: an .npz with source, faces and
texels, or without `texels` if one texture does not hold all charts.
"""

import ctypes
import io
import signal
import sys

import numpy as np
import xatlas

SET_PARENT_DEATH_SIGNAL = 1  # of prctl(2)


def main() -> None:
    """Unwraps one mesh; not for a process that died, where the system can tell."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    request = np.load(io.BytesIO(sys.stdin.buffer.read()))
    options = xatlas.PackOptions()
    options.resolution, options.padding = int(request["side"]), int(request["margin"])
    atlas = xatlas.Atlas()
    atlas.add_mesh(request["vertices"].astype(np.float32), request["faces"].astype(np.uint32))
    atlas.generate(xatlas.ChartOptions(), options)
    source, faces, uvs = atlas.get_mesh(0)
    # xatlas meets the asked size roughly, so the texture it made is scaled to a square of it.
    places = uvs * np.array([atlas.width, atlas.height]) * (request["side"] / max(atlas.width, atlas.height))
    result = {"source": source, "faces": faces, "texels": places.astype(np.float32)}
    if atlas.atlas_count != 1:
        del result["texels"]
    reply = io.BytesIO()
    np.savez(reply, **result)
    sys.stdout.buffer.write(reply.getvalue())


if __name__ == "__main__":
    main()
