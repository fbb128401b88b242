#!/bin/sh
# Every public header compiles alone, as C17 and as C++17, with -Wpedantic -Werror.
# usage: headers.sh INCLUDE_DIR CC [CXX]
set -u
include=$1
cc=$2
cxx=${3:-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
n=0
for file in "$include"/athanor/*.h; do
    name=$(basename "$file")
    # Twice: the guard works, too.
    printf '#include <athanor/%s>\n#include <athanor/%s>\ntypedef int not_empty;\n' "$name" "$name" \
        >"$work/alone.c"
    cp "$work/alone.c" "$work/alone.cpp"
    n=$((n + 1))
    "$cc" -std=c17 -Wall -Wextra -Wpedantic -Werror -I"$include" -fsyntax-only "$work/alone.c" ||
        { echo "FAILED as C17: $name"; failed=$((failed + 1)); }
    if [ -n "$cxx" ]; then
        "$cxx" -std=c++17 -Wall -Wextra -Wpedantic -Werror -I"$include" -fsyntax-only \
            "$work/alone.cpp" || { echo "FAILED as C++17: $name"; failed=$((failed + 1)); }
    fi
done
[ -n "$cxx" ] || echo "no C++ compiler: C++17 was not tried"
echo "$n headers, $failed failures"
[ "$n" -gt 0 ] && [ "$failed" -eq 0 ]
