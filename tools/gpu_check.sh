#!/usr/bin/env bash
# One prepared check of medtail on a machine with an NVIDIA GPU and no network, at most 8 minutes.
#   tools/gpu_check.sh --pack    where there is a network: data and wheels into .gpu/ (MEDTAIL_DATA names the data)
#   tools/gpu_check.sh           on the machine: results into $OUT/gpu.json (default .gpu/out), each as it comes
#   tools/gpu_check.sh --tiny    anywhere: the same in small, seconds a part
#   tools/gpu_check.sh --parts tests,learning --seconds 300    some parts, another length
#   tools/gpu_check.sh --medtail bench SUITE ...               a command of medtail in that environment
# PYTHON names the interpreter; WORK the folder for links, caches and runs (default: a new one).
set -euo pipefail
started=$(date +%s)
cd "$(dirname "$0")/.."
root=$PWD
PYTHON=${PYTHON:-python3}
WHEELS='pydantic|pydantic_core|annotated-types|typing-inspection|typing_extensions|albumentations|albucore|stringzilla|simsimd|ImageHash|rich|pebble'
LIMIT_MB=60

pack() {
    local data=${MEDTAIL_DATA:?name the folder that holds ham10000/}
    rm -rf .gpu/data
    mkdir -p .gpu/data/ham10000 .gpu/wheels
    cp -f "$data"/ham10000/HAM10000_metadata.csv .gpu/data/ham10000/
    $PYTHON -m medtail data prepare isic2018 --to .gpu/data
    rm -f .gpu/wheels/*.whl
    local platforms=(--python-version 3.12 --implementation cp)
    for name in manylinux_2_28 manylinux_2_27 manylinux_2_17 manylinux2014 manylinux1; do platforms+=(--platform "${name}_x86_64"); done
    $PYTHON -m pip download -q --no-deps --only-binary=:all: "${platforms[@]}" --platform any -d .gpu/wheels \
        -r <(grep -E "^($WHEELS)==" requirements.lock) 2> >(grep -v '^WARNING' >&2)
    git rev-parse --short=12 HEAD > .gpu/commit
    local sum
    sum=$( (git ls-files -z --cached --others --exclude-standard; find .gpu -path .gpu/out -prune -o -type f -print0) | du -cb --files0-from=- 2>/dev/null | tail -n 1 | cut -f1)
    printf 'gpu_check: %s wheels, %d MB travel in all (at most %d)\n' "$(ls .gpu/wheels | wc -l)" $((sum / 1000000)) $LIMIT_MB
    [ "$sum" -lt $((LIMIT_MB * 1000000)) ] || { echo "gpu_check: error: too much" >&2; exit 1; }
}
if [ "${1:-}" = --pack ]; then pack; exit; fi

work=${WORK:-$(mktemp -d)}
mkdir -p "$work/links/medtail" "$work/site"
work=$(cd "$work" && pwd)
if ls .gpu/wheels/*.whl >/dev/null 2>&1 && "$PYTHON" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 12))'; then
    "$PYTHON" -m pip install -q --no-index --no-deps --no-compile --no-cache-dir --upgrade --target "$work/site" .gpu/wheels/*.whl
fi
# The house as it is imported, and no checkout in front of it: everything runs in the folder of links.
ln -sfn "$root"/medtail/{__init__,__main__}.py "$root"/medtail/py.typed "$root"/{benchmark,methods,datamodules,leaderboards} "$work/links/medtail"
cp -r tests pyproject.toml "$work/links/"
export PYTHONPATH=$work/links:$work/site${PYTHONPATH:+:$PYTHONPATH}
export OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 PYTHONUNBUFFERED=1 PYTHONPYCACHEPREFIX=$work/compiled
export NO_ALBUMENTATIONS_UPDATE=1 WANDB_MODE=disabled MPLBACKEND=agg
if [ -d .gpu/data ]; then export MEDTAIL_DATA=$root/.gpu/data; fi
export MEDTAIL_CACHE=$work/cache
OUT=${OUT:-$root/.gpu/out}
mkdir -p "$OUT"
OUT=$(cd "$OUT" && pwd)
commit=$(cat .gpu/commit 2>/dev/null || true)
if [ "${1:-}" = --medtail ]; then cd "$OUT" && exec "$PYTHON" -m medtail "${@:2}"; fi
cd "$work/links"
exec "$PYTHON" "$root/tools/gpu_check/check.py" --out "$OUT" --work "$work" --started "$started" --commit "$commit" "$@"
