#!/bin/bash
# What `npm test` and the CI run, in order; the first part that fails ends it. As root, after scripts/setup.
#   test/all.sh            everything
#   test/all.sh PART…      only these: build lint unit program conformance
set -euo pipefail
cd "$(dirname -- "${BASH_SOURCE[0]}")/.."

# Node's own start would read these in every process; tsbuild's launcher does the same.
if [[ -n ${NODE_EXTRA_CA_CERTS-} ]]; then
  export TSBUILD_EXTRA_CA_CERTS=$NODE_EXTRA_CA_CERTS
  unset NODE_EXTRA_CA_CERTS
fi
unset TSBUILD_ROOT

say() { printf '\n== %s\n' "$*"; }
fail() {
  printf 'test/all.sh: %s\n' "$*" >&2
  exit 1
}

part_build() {
  say "build"
  rm -rf dist
  npm run --silent build
}

part_lint() {
  say "lint and format"
  npm run --silent lint
}

# The CI has all that the tests ask for: a test that skips itself there has lost something.
none_skipped() {
  grep -E '^ *﹣' "$1" || return 0
  [[ ${CI-} != true ]] || fail "tests were skipped that can run in the CI"
}

# Mounts of the tests are seen by nobody and vanish with them.
in_namespace() { unshare --mount --propagation slave -- "$@"; }

part_unit() {
  say "unit tests"
  local files=()
  mapfile -t files < <(find dist/tsc -name '*.test.js' -not -path 'dist/tsc/test/program/*' | sort)
  [[ ${#files[@]} -gt 0 ]] || fail "no unit test was built"
  in_namespace node --test --test-reporter=dot --test-reporter-destination=stdout \
    --test-reporter=spec --test-reporter-destination=dist/unit-tests.log "${files[@]}" ||
    { grep -v '^ *✔' dist/unit-tests.log | tail -n 200; fail "unit tests failed"; }
  grep -E '^ℹ (tests|pass|fail|skipped) ' dist/unit-tests.log
  none_skipped dist/unit-tests.log
}

# One after the other: each looks whether anything of it is left on the machine.
part_program() {
  say "whole-program tests"
  local files=()
  mapfile -t files < <(find dist/tsc/test/program -name '*.test.js' 2>/dev/null | sort)
  if [[ ${#files[@]} -eq 0 ]]; then
    echo "skipped: there are none yet"
    return
  fi
  node --test --test-concurrency=1 --test-reporter=spec "${files[@]}" | tee dist/program-tests.log
  none_skipped dist/program-tests.log
}

part_conformance() {
  say "conformance"
  local suite=${TSBUILD_CONFORMANCE:-../shared/conformance}
  if [[ ! -f $suite/run.mjs ]]; then
    echo "skipped: there is no $suite/run.mjs; TSBUILD_CONFORMANCE can name the suite's folder"
    return
  fi
  node "$suite/run.mjs" --builder tsbuild --tsbuild ./bin/tsbuild --only build --json dist/conformance.json >dist/conformance.log 2>&1 || true
  [[ -f dist/conformance.json ]] || { tail -n 50 dist/conformance.log; fail "the conformance suite did not run to its end"; }
  node test/conformance.mjs dist/conformance.json test/conformance-expected-failures.txt ||
    fail "conformance: see above, and dist/conformance.log for the reasons"
}

[[ $(id -u) -eq 0 ]] || fail "the tests mount and start containers: run them as root (sudo npm test)"
for part in "${@:-build lint unit program conformance}"; do
  # shellcheck disable=SC2086 # the default is several words
  for name in $part; do
    [[ $(type -t "part_$name") == function ]] || fail "there is no part $name"
    "part_$name"
  done
done
say "all passed"
