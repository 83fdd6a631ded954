#!/usr/bin/env bash
# Builds the wheel into dist/ and a second one of the evidence, installs the first beside the packages that it requires and no
# others, and runs medtail away from any checkout, inside a repository that is not ours; then with the evidence. FRESH=1,
# before a release, has pip install them all anew, resolve them for the other versions of Python, and runs Ray, too. PYTHON
# names the interpreter; KEEP=FOLDER keeps the environment.
set -euo pipefail
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-python3}
root=$(pwd)
work=${KEEP:-$(mktemp -d)}
[ -n "${KEEP:-}" ] || trap 'rm -rf "$work"' EXIT
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 OMP_NUM_THREADS=1
say() { printf 'wheel: %s\n' "$1"; }
fail() { printf 'wheel: error: %s\n' "$1" >&2; exit 1; }

say "1/4 build"
left=(build leaderboards/build leaderboards/*.egg-info)
rm -rf dist "${left[@]}"  # what an earlier build left would come along
.venv/bin/python -m pip wheel -q . ./leaderboards --no-deps --no-build-isolation -w dist
rm -rf "${left[@]}"
wheel=$(echo "$root"/dist/medtail-*.whl)
evidence=$(echo "$root"/dist/medtail_evidence-*.whl)
ls -l "$wheel" "$evidence" | awk '{sub(".*/", "", $9); printf "wheel: %s, %.1f MB\n", $9, $5 / 1e6}'
[ "$(stat -c %s "$wheel")" -lt 20000000 ] || fail "$(basename "$wheel") is above 20 MB"

install() {  # the wheel with an extra, or with none
    if [ -n "${FRESH:-}" ]; then
        "$work/venv/bin/python" -m pip install -q "$wheel${1:+[$1]}"
    else
        .venv/bin/python tools/linked_environment.py "$work/venv" "$wheel" "$@"
    fi
}

if [ -n "${FRESH:-}" ]; then
    say "2/4 its requirements resolve for the other versions of Python, too"
    platforms=$(for glibc in $(seq 5 36); do printf -- '--platform manylinux_2_%s_x86_64 ' "$glibc"; done
        printf -- '--platform manylinux%s_x86_64 ' 1 2010 2014)
    here=$("$PYTHON" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    for version in 3.11 3.12 3.13; do
        [ "$version" != "$here" ] || continue
        # shellcheck disable=SC2086
        .venv/bin/python -m pip install -q --dry-run --ignore-installed --only-binary=:all: --target "$work/nowhere" \
            --python-version "$version" --implementation cp $platforms "$wheel" || fail "not for Python $version"
    done
    say "3/4 a fresh environment ($("$PYTHON" --version)), PyTorch from pip's cache where it is there"
    "$PYTHON" -m venv --clear "$work/venv"
else
    say "2/4 not asked (FRESH=1 does): whether its requirements resolve for other versions of Python"
    say "3/4 an environment of what it requires, linked from .venv"
fi
install

say "4/4 commands, in a folder of a repository that is not ours, beside folders called methods and datamodules"
medtail=$work/venv/bin/medtail
rm -rf "$work/else" && mkdir -p "$work/else/methods" "$work/else/datamodules" && cd "$work/else"
touch methods/__init__.py datamodules/__init__.py
git init -q . && git -c user.name=other -c user.email=other@example.org commit -q --allow-empty -m other
unset MEDTAIL_DATA PYTHONPATH
run() { printf 'wheel: $ medtail %s\n' "$*"; "$medtail" "$@" > out.txt 2>&1 || { cat out.txt >&2; fail "medtail $*"; }; }
said() { grep -q -- "$1" out.txt || { cat out.txt >&2; fail "it did not say '$1'"; }; }
run --version; said medtail
run list; said "logit_adjustment"
refused() {  # with one line
    "$medtail" "$@" > /dev/null 2> out.txt && fail "medtail $*: no error"
    [ "$(wc -l < out.txt)" = 1 ] || fail "$(cat out.txt)"
}
refused data card isic2018@monica100; said "did you mean isic2019@monica100"  # read from the table of MONICA's counts
refused data card isic2019@monica100; said "isic2019: files not found"
run data card phantom@lt20; said "Apache-2.0"
if [ -d "$root/../shared/data/ham10000" ]; then
    MEDTAIL_DATA=$root/../shared/data run data card isic2018@lt100; said "CC BY-NC"
fi
refused compare proco erm --data isic2018@lt100; said "medtail-evidence"
"$root/.venv/bin/python" -m pip --python "$work/venv/bin/python" install -q --no-deps "$evidence"
run compare proco erm --data isic2018@lt100; said "boards that come with medtail"
run report isic2018@shot5; said "references.bib"
"$work/venv/bin/python" "$root/tools/some_scores.py" isic2018@natural > scores.csv
run score scores.csv --data isic2018@natural; said "would be"
small=(--set budget.epochs=1 --set 'seeds=[0]' --set 'data=[{name: phantom@lt20, params: {count: 700}}]')
run bench quick --method erm "${small[@]}" --launcher inline; said "balanced accuracy"
"$medtail" bench quick --method erm,ldam "${small[@]}" --launcher ray > out.txt 2>&1 && fail "Ray without Ray: no error"; said "pip install 'medtail\[ray\]'"
run bench quick --method erm,ldam "${small[@]}" --workers 2; said "2 cells, 1 done, 1 to run"
cells=2
if [ -n "${FRESH:-}" ]; then  # a test runs Ray in a checkout
    (cd "$root" && install ray)
    run bench quick --method erm,ldam "${small[@]}" --set 'seeds=[0,1]' --launcher ray --workers 2; said "4 cells, 2 done, 2 to run"
    cells=4
fi
"$work/venv/bin/python" - $cells <<'EOF' || fail "the records do not say what they should"
import json, pathlib, sys
records = [json.loads(p.read_text()) for p in pathlib.Path("runs").rglob("record.json")]
places = [r["provenance"] for r in records]
assert len(records) == int(sys.argv[1]), len(records)
assert {p["commit"] for p in places} == {""}, places  # not the commit of the repository around
import medtail
assert {p["versions"]["medtail"] for p in places} == {medtail.__version__}
EOF
say "done: $(basename "$wheel") installs and works"
