#!/bin/sh
# Reads the binaries: position independent, read-only relocations bound at start, no executable stack, canaries,
# checked library calls. usage: hardening.sh PROGRAM LIBRARY...
set -u
failed=0

# want FILE WHAT COMMAND...: the command's output is to contain a match.
want()
{
    file=$1
    what=$2
    if ! readelf -W $3 "$file" | grep -q -E "$4"; then
        echo "$file: no $what"
        failed=1
    fi
}

if ! command -v readelf >/dev/null 2>&1; then
    echo "skipped: no readelf"
    exit 77
fi
for file in "$@"; do
    want "$file" "position-independent code" -h 'Type: +DYN'
    want "$file" "read-only relocations (RELRO)" -l 'GNU_RELRO'
    want "$file" "binding at start (BIND_NOW)" -d 'BIND_NOW|FLAGS_1.*NOW'
    want "$file" "non-executable stack" -l 'GNU_STACK.* RW '
    want "$file" "stack canary" --dyn-syms '__stack_chk_fail'
    want "$file" "checked library call (FORTIFY)" --dyn-syms '__[a-z]+_chk'
    if readelf -W -d "$file" | grep -q -E 'TEXTREL|RPATH'; then
        echo "$file: relocations in code, or an RPATH"
        failed=1
    fi
done
want "$1" "PIE" -d 'FLAGS_1.* PIE'
[ $failed -eq 0 ] && echo "$# files: PIE, full RELRO, NX, canary, FORTIFY"
exit $failed
