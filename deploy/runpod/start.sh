#!/usr/bin/env bash
# Runs the service in a RunPod pod (docs/deploy.md): fetches weights onto the volume at the first start, serves, and
# starts the service again when it ends by itself. SIGTERM is handed on, and what is in work is finished.
#
#   VOLUME            where the pod's volume is mounted (default /workspace)
#     weights/24gb    the published models; a download that was cut short goes on where it stopped
#     cache/          built kernels of Triton, inductor, torch and numba, and the hub's downloads
#   MINER__PROFILE    24gb | 80gb | embedded; auto, or without it, the GPU's memory decides: 80gb from 70 GiB, 24gb from 22 GiB
#   PORT              default 8093
#   HF_TOKEN          for FLUX.1-schnell, which is gated
#   MINER_PYTHON      the service's interpreter, if it is neither in .venv nor the first `python` of the PATH
set -uo pipefail

volume=${VOLUME:-/workspace}
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=deploy/caches.sh
. "$root/deploy/caches.sh" || exit 1
attempts=${MINER_ATTEMPTS:-5}        # quick failures in a row before the container ends
first_pause=${MINER_PAUSE:-1}        # seconds, doubled up to 60
steady_seconds=${MINER_STEADY:-300}  # what ran so long was no quick failure

say() { echo "start.sh: $*"; }
fail() {
  say "error: $*" >&2
  exit 1
}

find_python() {
  local candidate
  for candidate in "${MINER_PYTHON:-}" "$root/.venv/bin/python" "$(command -v python)"; do
    [ -n "$candidate" ] && [ -x "$candidate" ] && echo "$candidate" && return
  done
  return 1
}

gpu_gib() {
  local mib
  mib=$(nvidia-smi --query-gpu=memory.total --format=csv,noheader,nounits 2>/dev/null | sort -n | tail -1)
  [[ $mib =~ ^[0-9]+$ ]] && echo $((mib / 1024)) || echo 0
}

choose_profile() {
  local gib
  gib=$(gpu_gib)
  if ((gib >= 70)); then echo 80gb; elif ((gib >= 22)); then echo 24gb; else echo embedded; fi
}

# Everything that a start builds or fetches lies on the volume; what two services must not share does not.
lay_out() {
  mkdir -p "$volume/weights" "$volume/cache" 2>/dev/null
  if [ ! -w "$volume/weights" ] || [ ! -w "$volume/cache" ]; then
    fail "$volume is not writable for uid $(id -u); mount a volume there, give it to that user, or set VOLUME"
  fi
  name_caches "$volume/cache"
  export BENTOML_HOME="${BENTOML_HOME:-${TMPDIR:-/tmp}/bentoml}"
  export BENTOML_DO_NOT_TRACK=True
  mkdir -p "$BENTOML_HOME" || fail "BENTOML_HOME=$BENTOML_HOME is not writable for uid $(id -u)"
}

stopping=""
child=""
# shellcheck disable=SC2317  # the trap calls it
stop() {
  stopping=yes
  [ -n "$child" ] && kill -TERM "$child" 2>/dev/null
}

# Runs a command as a child that gets our SIGTERM; its exit status. `wait` also returns when a signal arrives.
run() {
  "$@" &
  child=$!
  [ -n "$stopping" ] && kill -TERM "$child" 2>/dev/null
  local status
  wait "$child"
  status=$?
  while kill -0 "$child" 2>/dev/null; do
    wait "$child"
    status=$?
  done
  child=""
  return "$status"
}

# rest SECONDS: a pause that SIGTERM ends.
rest() {
  run sleep "$1"
}

# insist NAME COMMAND...: runs it until it ends well, with growing pauses; gives up after `attempts` quick failures.
insist() {
  local name=$1 pause=$first_pause failures=0 started status
  shift
  while [ -z "$stopping" ]; do
    started=$SECONDS
    run "$@"
    status=$?
    [ -n "$stopping" ] && return "$status"
    [ "$status" -eq 0 ] && [ "$name" = download ] && return 0
    if ((SECONDS - started >= steady_seconds)); then pause=$first_pause failures=0; fi
    failures=$((failures + 1))
    if ((failures >= attempts)); then
      say "error: the $name ended $failures times in a row, the last time with status $status; giving up" >&2
      return $((status ? status : 1))
    fi
    say "the $name ended with status $status after $((SECONDS - started)) s; once more in $pause s"
    rest "$pause"
    pause=$((pause * 2 > 60 ? 60 : pause * 2))
  done
}

trap stop TERM INT
python=$(find_python) || fail "there is no Python; set MINER_PYTHON"
for number in "${PORT:-8093}" "$attempts" "$first_pause" "$steady_seconds"; do
  [[ $number =~ ^[0-9]{1,5}$ ]] || fail "PORT, MINER_ATTEMPTS, MINER_PAUSE and MINER_STEADY are whole numbers, not '$number'"
done
[ "${MINER__PROFILE:-auto}" = auto ] && MINER__PROFILE=$(choose_profile)
export MINER__PROFILE
case $MINER__PROFILE in
embedded | 24gb | 80gb) ;;
*) fail "MINER__PROFILE is auto, embedded, 24gb or 80gb, not '$MINER__PROFILE'" ;;
esac
lay_out
cd "$root" || exit 1
[ "${WEIGHTS_DIR:-}" = "$volume/weights" ] && unset WEIGHTS_DIR # the image's own: it holds one folder a profile
say "profile $MINER__PROFILE, volume $volume with $(df -Pk "$volume" | awk 'NR == 2 {printf "%.0f", $4 / 1048576}') GiB free"

if [ "$MINER__PROFILE" != embedded ]; then
  export WEIGHTS_DIR="${WEIGHTS_DIR:-$volume/weights/$MINER__PROFILE}"
  download=("$python" scripts/download_weights.py --profile "$MINER__PROFILE" --folder "$WEIGHTS_DIR")
  [ -n "${MINER_DOWNLOAD:-}" ] && read -ra download <<<"$MINER_DOWNLOAD" # another command, for tests
  say "weights: $WEIGHTS_DIR"
  insist download "${download[@]}"
  status=$?
  [ -n "$stopping" ] && exit $((128 + 15))
  [ "$status" -eq 0 ] || exit "$status"
  say "weights are complete after $SECONDS s"
fi

# In a container BentoML would end the whole service when one model process dies, unless that variable is gone.
serve=(env -u BENTOML_CONTAINERIZED "$python" -m bentoml serve service:Miner --host 0.0.0.0 --port "${PORT:-8093}")
[ -n "${MINER_SERVE:-}" ] && read -ra serve <<<"$MINER_SERVE" # another command, for tests
insist service "${serve[@]}"
status=$?
say "the service has ended with status $status after $SECONDS s"
exit "$status"
