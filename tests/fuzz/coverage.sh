#!/bin/sh
# How much of the code that reads foreign bytes the corpora and the tests of the readers run: builds with
# gcc --coverage in a folder of its own, runs them, prints lines covered per file. Fails below 95 % in all.
#     coverage.sh SOURCE_DIR [BUILD_DIR]        77: gcc, gcov or gcovr is missing
set -u
source=$(cd "$1" && pwd) || exit 64
build=${2:-$source/build/coverage}

for tool in gcc gcov gcovr cmake ctest; do
    command -v "$tool" >/dev/null 2>&1 || { echo "skipped: $tool is missing"; exit 77; }
done

readers='src/flow/extxyz_[a-z]*\.c src/data/container\.c src/data/packet\.c src/data/record\.c
         src/models/nep_read\.c src/models/sw_read\.c src/base/option\.c src/base/number\.c cli/job[a-z_]*\.c'
tests="test_extxyz_dialects test_extxyz_errors test_extxyz_failures test_extxyz_writer
       test_container test_container_damage test_container_sizes test_nep_read test_sw_read test_option test_number
       test_job test_job_manual"
for target in "$source"/tests/fuzz/fuzz_*.c; do
    tests="$tests test_$(basename "$target" .c)"
done

generator=
command -v ninja >/dev/null 2>&1 && generator='-G Ninja'
mkdir -p "$build" || exit 73
# What earlier runs counted does not count.
find "$build" -name '*.gcda' -exec rm -f {} +
# shellcheck disable=SC2086
cmake -S "$source" -B "$build" $generator -DCMAKE_C_COMPILER=gcc -DCMAKE_BUILD_TYPE=Debug \
    -DCMAKE_C_FLAGS='--coverage -O0' >"$build/configure.log" 2>&1 || { tail "$build/configure.log"; exit 1; }
# shellcheck disable=SC2086
cmake --build "$build" -j "${JOBS:-2}" --target $tests >"$build/build.log" 2>&1 || { tail "$build/build.log"; exit 1; }
# shellcheck disable=SC2086
only=$(printf '%s|' $tests)
ctest --test-dir "$build" -R "^(${only%|})\$" --output-on-failure >"$build/tests.log" 2>&1 ||
    { tail -40 "$build/tests.log"; exit 1; }
grep 'tests passed' "$build/tests.log"

filters=
for file in $readers; do
    filters="$filters --filter $source/$file"
done
# shellcheck disable=SC2086
gcovr --root "$source" --object-directory "$build" $filters --exclude-unreachable-branches --print-summary \
    --txt "$build/coverage.txt" --fail-under-line 95 "$build" >"$build/gcovr.log" 2>&1
status=$?
cat "$build/coverage.txt" 2>/dev/null
grep '^lines' "$build/gcovr.log" || tail "$build/gcovr.log"
exit $status
