#!/bin/sh
# What the image starts: the service where no command is given (options go to `bentoml serve`), else the command.
#   PORT         the port, instead of configuration.yaml's
#   CACHE_DIR    what is compiled at the first start is kept here, best on a volume
#   WEIGHTS_DIR  published weights; without any the embedded family is served
set -eu

image_weights=/workspace/weights

fail() {
    echo "fast_3d_miner: $*" >&2
    exit 1
}

# shellcheck source=deploy/caches.sh
. "$(dirname "$0")/../caches.sh"

make_caches() {
    who="user $(id -u):$(id -g)"
    [ -w "${TMPDIR:-/tmp}" ] || fail "$who cannot write to ${TMPDIR:-/tmp}: a read-only container needs --tmpfs /tmp"
    for folder in "$BENTOML_HOME" "$NUMBA_CACHE_DIR" "$TRITON_CACHE_DIR" "$TORCHINDUCTOR_CACHE_DIR" "$TORCH_EXTENSIONS_DIR"; do
        if ! mkdir -p "$folder" 2>/dev/null || ! [ -w "$folder" ]; then
            fail "$who cannot write to $folder: let the volume belong to that user, start with another --user," \
                "or name another folder with CACHE_DIR or BENTOML_HOME"
        fi
    done
}

# The image names a folder for weights that need not hold any; one that the operator names must. Without WEIGHTS_DIR
# `auto` looks for the folders 80gb and 24gb there, and serves the embedded family where there is none.
choose_weights() {
    [ "${WEIGHTS_DIR:-}" = "$image_weights" ] || return 0
    [ -z "${WEIGHTS:-}" ] && [ "${MINER__PROFILE:-auto}" != embedded ] || unset WEIGHTS_DIR
    [ -e "$image_weights/weights.lock.json" ] || [ -e "$image_weights/text_to_image" ] || unset WEIGHTS_DIR
    [ -n "$(ls -A "$image_weights" 2>/dev/null)" ] ||
        echo "fast_3d_miner: no weights in $image_weights; python scripts/download_weights.py fetches published ones"
}

name_caches "$CACHE_DIR"
case "${1:-}" in
"" | -*) ;;
*) exec "$@" ;;
esac
make_caches
choose_weights
# Where BentoML believes itself in a container it lets the server die with its first runner.
unset BENTOML_CONTAINERIZED
case "${PORT:-}" in
"") ;;
*[!0-9]*) fail "PORT must be a number, not '$PORT'" ;;
*) set -- --port "$PORT" "$@" ;;
esac
exec bentoml serve "$@" "$BENTO_PATH"
