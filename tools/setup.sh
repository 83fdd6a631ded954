#!/usr/bin/env bash
# Builds .venv from requirements.lock. Idempotent: a second call with nothing changed returns at once.
# PYTHON names the interpreter (3.11 to 3.13); WHEELS the folder that keeps the built learn2learn wheel.
set -euo pipefail
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-python3}
WHEELS=${WHEELS:-.cache/wheels}
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1

say() { printf 'setup: %s\n' "$1"; }
die() { printf 'setup: error: %s\n' "$1" >&2; exit 1; }

command -v "$PYTHON" >/dev/null || die "no '$PYTHON' on the PATH: install Python 3.11, 3.12 or 3.13, or name one: make setup PYTHON=/path/to/python3.11"
"$PYTHON" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
    || die "$("$PYTHON" --version) will not do: it was tried with 3.11, 3.12 and 3.13; name one: make setup PYTHON=python3.11"

stamp=$( { "$PYTHON" --version; cat requirements.lock pyproject.toml tools/setup.sh; pwd; } | sha256sum | cut -d' ' -f1)
if [ -f .venv/setup-stamp ] && [ "$(cat .venv/setup-stamp)" = "$stamp" ]; then exit 0; fi

say "1/4 virtual environment ($("$PYTHON" --version))"
"$PYTHON" -m venv --clear .venv
py=.venv/bin/python
$py -m pip install -q --no-deps -r <(grep -E '^(pip|setuptools|wheel|Cython)==' requirements.lock)
# PyTorch and what it brings is half of the work: it is unpacked beside all else.
large='^(torch|triton|nvidia-[a-z0-9-]+)=='
$py -m pip install -q --no-deps -r <(grep -E "$large" requirements.lock) & pytorch=$!
trap 'kill $pytorch 2>/dev/null || true' EXIT

# learn2learn 0.2.0 is a source archive whose C files no longer compile on Python >= 3.11: Cython
# writes them anew (shared fact of every user: learnables/learn2learn issue 413).
mkdir -p "$WHEELS"
WHEELS=$(cd "$WHEELS" && pwd)
tag=$($py -c 'import sys; print("cp%d%d" % sys.version_info[:2])')
build_learn2learn() {
    local work
    work=$(mktemp -d)
    $py -m pip install -q --no-deps -r <(grep -E '^numpy==' requirements.lock)
    $py -m pip download -q --no-deps --no-binary :all: --no-build-isolation -d "$work" learn2learn==0.2.0
    tar -xzf "$work"/learn2learn-0.2.0.tar.gz -C "$work"
    (
        cd "$work"/learn2learn-0.2.0
        rm -f learn2learn/data/*.c
        "$OLDPWD/$py" setup.py -q build_ext bdist_wheel >build.log 2>&1 || { tail -n 20 build.log >&2; exit 1; }
        cp dist/*.whl "$WHEELS"/
    )
    rm -rf "$work"
}
if ! ls "$WHEELS"/learn2learn-0.2.0-"$tag"-*.whl >/dev/null 2>&1; then
    say "2/4 building learn2learn 0.2.0 from its source archive (about half a minute, once)"
    build_learn2learn || die "learn2learn did not build: it needs a C compiler and Python's headers (Debian: build-essential python3-dev)"
else
    say "2/4 learn2learn 0.2.0 from $WHEELS"
fi

say "3/4 $(grep -c == requirements.lock) pinned packages (PyTorch with CUDA: about 5 GB, some minutes)"
$py -m pip install -q --no-deps -r <(grep -vE "$large" requirements.lock)
$py -m pip install -q --no-deps "$WHEELS"/learn2learn-0.2.0-"$tag"-*.whl
wait $pytorch || die "PyTorch did not install: pip's message stands above"
trap - EXIT

say "4/4 medtail, editable"
PYTHONWARNINGS=ignore $py -m pip install -q --no-deps --no-build-isolation -e . # its warning is answered here:
# The finder of an editable install comes last by default. A folder called medtail in the working directory, such as
# this checkout seen from its parent, would then be taken for an empty package of that name.
echo "import sys; sys.meta_path.sort(key=lambda finder: not getattr(finder, '__module__', '').startswith('__editable___medtail'))" \
    > "$($py -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/medtail_first.pth"
# What mypy reads: the house as it is imported.
mkdir -p .venv/links/medtail
ln -sfn ../../../medtail/{__init__,__main__}.py ../../../medtail/py.typed ../../../benchmark ../../../methods ../../../datamodules .venv/links/medtail
together="import torch, torchvision, learn2learn"
[ "$tag" = cp313 ] || together="$together, submodlib"  # which has no wheel for 3.13: its tests are skipped there
$py -c "$together" 2>/dev/null || die "the installed packages do not import together: run $py -c '$together' to see why"
echo "$stamp" > .venv/setup-stamp
say "done: .venv/bin/medtail --help"
