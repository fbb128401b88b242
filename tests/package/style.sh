#!/bin/sh
# What can be counted about the source: lines of at most 100 columns, functions of at most 60 lines, files
# of at most 800, an opening comment, no tabs, no trailing blanks. usage: style.sh SOURCE_DIR
set -u
cd "$1" || exit 1
n=0
failed=0
for file in include/athanor/*.h src/*/*.c src/*/*.h src/*/*.cu src/*/*.cuh src/*/*/*.c src/*/*/*.h \
            cli/*.c cli/*.h \
            tests/*/*.c tests/*/*.h examples/*.c bench/*.c; do
    [ -f "$file" ] || continue
    n=$((n + 1))
    awk -v file="$file" '
    NR == 1 && $0 !~ /^\/\*/ { print file ": does not open with a comment"; bad = 1 }
    /\t/ { print file ":" NR ": tab"; bad = 1 }
    /[ \t]$/ { print file ":" NR ": blank at the end of the line"; bad = 1 }
    # bodies of functions stand between braces in the first column
    /^\{/ { start = NR }
    /^\}/ {
        if (start && NR - start + 1 > 60 && file ~ /^(src|cli)\//) {
            print file ":" start ": a function of " NR - start + 1 " lines, the limit is 60"; bad = 1
        }
        start = 0
    }
    {
        # columns, not bytes: bytes 128 to 191 continue a character
        line = $0; gsub(/[\200-\277]/, "", line)
        if (length(line) > 100) { print file ":" NR ": " length(line) " columns"; bad = 1 }
    }
    END {
        if (NR > 800) {
            print file ": " NR " lines, the limit is 800"; bad = 1
        }
        exit bad
    }' "$file" || failed=$((failed + 1))
done
echo "$n files, $failed with faults"
[ "$n" -gt 20 ] && [ "$failed" -eq 0 ]
