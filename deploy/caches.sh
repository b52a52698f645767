# Read by what starts the service: numba, Triton, torch's compiler, its extensions and the hub's client each know a folder of
# their own. name_caches FOLDER puts them below one, where the environment does not say otherwise.
name_caches() {
    export NUMBA_CACHE_DIR="${NUMBA_CACHE_DIR:-$1/numba}"
    export TRITON_CACHE_DIR="${TRITON_CACHE_DIR:-$1/triton}"
    export TORCHINDUCTOR_CACHE_DIR="${TORCHINDUCTOR_CACHE_DIR:-$1/inductor}"
    export TORCH_EXTENSIONS_DIR="${TORCH_EXTENSIONS_DIR:-$1/torch_extensions}"
    export HF_HOME="${HF_HOME:-$1/hub}"
}
