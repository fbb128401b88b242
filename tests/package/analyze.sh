#!/bin/sh
# Static analysis of the library and the program, at zero findings: gcc -fanalyzer, clang-tidy (.clang-tidy) and
# cppcheck (analyze.txt: what is left out, and why). Kernel files are read by clang-tidy only, for the
# baseline instruction set: the others lose themselves in vectors and in structures filled step by step.
# usage: analyze.sh SOURCE_DIR [gcc|tidy|cppcheck...]
set -u
cd "$1" || exit 1
shift
tools=${*:-gcc tidy cppcheck}
flags='-std=c17 -D_GNU_SOURCE -DATH__X86=1 -DATH__ISA=base -Iinclude -Isrc -Icli'
libdir="'-DATH__LIBDIR=\"/usr/lib\"'"
jobs=$(nproc 2>/dev/null || echo 2)
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
failed=0

# each COMMAND: for all files, several at once; what it prints is a finding.
each()
{
    ls src/*/*.c src/*/*/*.c cli/*.c | xargs -P "$jobs" -n 1 sh -c "$1" sh >"$out/log" 2>&1
}

for tool in $tools; do
    case $tool in
    gcc)
        command -v gcc >/dev/null || { echo "skipped: no gcc"; continue; }
        each "case \$1 in *_kernel.c) exit 0 ;; esac; gcc $flags $libdir -O2 -ffp-contract=off -fopenmp-simd -fno-math-errno -fanalyzer -fdiagnostics-plain-output \
            -c \"\$1\" -o /dev/null 2>&1 | grep -E -e '-Wanalyzer|error:'; true"
        ;;
    tidy)
        tidy=$(command -v clang-tidy-14 || command -v clang-tidy) || { echo "skipped: no clang-tidy"; continue; }
        each "$tidy --quiet \"\$1\" -- $flags $libdir -O2 -ffp-contract=off -w 2>/dev/null"
        ;;
    cppcheck)
        command -v cppcheck >/dev/null || { echo "skipped: no cppcheck"; continue; }
        # shellcheck disable=SC2086
        cppcheck -q -j "$jobs" --enable=warning,portability,performance --std=c11 --library=posix --inline-suppr \
            --suppressions-list=tests/package/analyze.txt ${flags#-std=c17} $(ls src/*/*.c src/*/*/*.c cli/*.c | grep -v _kernel.c) >"$out/log" 2>&1
        ;;
    esac
    n=$(grep -c -E '(error|warning|portability|performance): ' "$out/log")
    echo "$tool: $n findings"
    if [ "$n" -gt 0 ]; then
        grep -E '(error|warning|portability|performance): ' "$out/log" | head -40
        failed=1
    fi
done
exit $failed
