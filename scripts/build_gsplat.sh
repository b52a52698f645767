#!/usr/bin/env bash
# Builds gsplat's CUDA code into the Python environment that `python` belongs to, so that nothing is compiled at the
# service's first start. `bentoml containerize` runs it in the image; on a pod: TORCH_CUDA_ARCH_LIST=8.9 scripts/build_gsplat.sh
#
# Needs a C++ compiler and the package index, but neither a GPU nor a CUDA toolkit: nvcc comes as wheels of the version that
# torch was built with, and leaves again. TORCH_CUDA_ARCH_LIST names the GPUs: by default A100 (8.0, whose code A40 and RTX 3090
# run as well), RTX 4090 and L4 (8.9), H100 and H200 (9.0), B200 (10.0), RTX 5090 and RTX PRO 6000 (12.0), and for newer
# ones code that the driver translates. `none` builds nothing, and nor does a torch without CUDA.
set -euo pipefail
export TORCH_CUDA_ARCH_LIST="${TORCH_CUDA_ARCH_LIST:-8.0;8.9;9.0;10.0;12.0+PTX}"
export MAX_JOBS="${MAX_JOBS:-$(nproc)}"

python=$(command -v python)
if [ "$TORCH_CUDA_ARCH_LIST" = none ] || ! "$python" -c "import torch, sys; sys.exit(torch.version.cuda is None)"; then
  echo "gsplat's CUDA code is not built: TORCH_CUDA_ARCH_LIST=$TORCH_CUDA_ARCH_LIST," \
    "torch $("$python" -c "from importlib.metadata import version; print(version('torch'))")"
  exit 0
fi
uv() { "$python" -m uv pip "$@" --quiet --python "$python"; }
version() { "$python" -c "from importlib.metadata import version; print(version('$1'))"; }
packages() { "$python" -m uv pip freeze --python "$python" | cut -d= -f1 | sort; }

toolkit=$(mktemp -d)
packages > "$toolkit/before"
clean_up() {
  packages | comm -13 "$toolkit/before" - | xargs --no-run-if-empty "$python" -m uv pip uninstall --quiet --python "$python"
  rm -rf "$toolkit"
}
trap clean_up EXIT
uv install --no-cache "cuda-toolkit[nvcc,cccl]==$(version cuda-toolkit)" setuptools wheel

# the wheels lack what linkers look for: lib64 and names without a version
wheels=$("$python" -c "import nvidia.cu13 as cuda; print(next(iter(cuda.__path__)))")
ln -s "$wheels/bin" "$wheels/include" "$wheels/nvvm" "$toolkit"
mkdir "$toolkit/lib64"
ln -s "$wheels"/lib/libcudart.so.13 "$toolkit/lib64/libcudart.so"

echo "building gsplat $(version gsplat) for $TORCH_CUDA_ARCH_LIST with nvcc $(version nvidia-cuda-nvcc)"
# gsplat asks for C++17, torch's headers for C++20: of two -std the last one counts
export CUDA_HOME="$toolkit" NVCC_APPEND_FLAGS="-std=c++20"
uv install --no-cache --no-deps --no-build-isolation --no-binary gsplat --reinstall-package gsplat \
  "gsplat==$(version gsplat)"
"$python" -c "import torch, gsplat.csrc; print('gsplat.csrc lies in', gsplat.csrc.__file__)"
