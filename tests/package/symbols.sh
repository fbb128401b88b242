#!/bin/sh
# The shared library exports exactly the functions that the public headers declare; the static library
# defines nothing whose name does not begin with ath_. usage: symbols.sh INCLUDE_DIR SHARED STATIC
set -u
include=$1
shared=$2
static=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# "ATH_API type *name(": declarations are joined to one line each first. Comments are cut out.
cat "$include"/athanor/*.h | tr '\n' ' ' | sed 's:/\*[^*]*\*\+\([^/*][^*]*\*\+\)*/: :g' |
    sed 's/ATH_API/\n&/g' | sed -n 's/^ATH_API [^(;]*[ *]\(ath_[a-z0-9_]*\) *(.*/\1/p' |
    sort -u >"$work/declared"
nm -D --defined-only "$shared" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' |
    sort -u >"$work/exported"
n=$(wc -l <"$work/declared")
failed=0
if [ "$n" -lt 20 ]; then
    echo "only $n declarations found: the script does not see the headers"
    exit 1
fi
missing=$(comm -23 "$work/declared" "$work/exported")
extra=$(comm -13 "$work/declared" "$work/exported" |
    grep -v -E '^(_init|_fini|__asan.*|__ubsan.*|__odr_asan.*|__tsan.*)$')
if [ -n "$missing" ]; then
    echo "declared but not exported:" $missing
    failed=1
fi
if [ -n "$extra" ]; then
    echo "exported but not declared:" $extra
    failed=1
fi
foreign=$(nm -g --defined-only "$static" 2>/dev/null | awk 'NF == 3 { print $3 }' | sort -u |
    grep -v -E '^(ath_|ath__|__odr_asan|__asan|__ubsan|__tsan|DW\.ref)')
if [ -n "$foreign" ]; then
    echo "names of the static library that could meet a program's own:" $foreign
    failed=1
fi
echo "$n functions declared and exported"
exit $failed
