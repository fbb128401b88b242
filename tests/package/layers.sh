#!/bin/sh
# Includes may point one way only (layers.txt). usage: layers.sh SOURCE_DIR TABLE
set -u
source=$1
table=$2
bad=$(mktemp)
trap 'rm -f "$bad"' EXIT

# Lines "FILE MODULE INCLUDE" of every include of the tree.
list_includes()
{
    for file in "$source"/src/*/*.c "$source"/src/*/*.h "$source"/src/*/*.cu "$source"/src/*/*.cuh \
                "$source"/src/*/*.def "$source"/src/*/*/*.c "$source"/src/*/*/*.h \
                "$source"/cli/*.c "$source"/cli/*.h; do
        [ -f "$file" ] || continue
        folder=${file#"$source"/}
        folder=${folder#src/}
        folder=${folder%%/*}
        sed -n 's/^[ \t]*#[ \t]*include[ \t]*["<]\([^">]*\)[">].*/\1/p' "$file" |
            while read -r include; do
                echo "${file#"$source"/} $folder $include"
            done
    done
}

n=$(list_includes | tee "$bad.all" | wc -l)
awk -v table="$table" '
BEGIN {
    while ((getline line < table) > 0) {
        if (line ~ /^#/ || line ~ /^[ \t]*$/) continue
        k = split(line, w, /[ \t]+/)
        if (w[1] == "public") {
            for (i = 3; i <= k; i++) owner[w[i]] = w[2]
        } else {
            known[w[1]] = 1
            may[w[1], w[1]] = 1
            for (i = 2; i <= k; i++) may[w[1], w[i]] = 1
        }
    }
}
{
    file = $1; module = $2; include = $3
    if (include ~ /^athanor\//) {
        name = include
        sub(/^athanor\//, "", name); sub(/\.h$/, "", name)
        if (!(name in owner)) { print file ": <" include "> is not in the table"; next }
        if (module != "cli" && !((module, owner[name]) in may))
            print file ": " module " must not include <" include "> (" owner[name] ")"
    } else if (include ~ /\//) {
        target = include; sub(/\/.*/, "", target)
        if (module == "cli") {
            if (include !~ /^sys\//) print file ": the program must not include \"" include "\""
        } else if (target in known) {
            if (!((module, target) in may))
                print file ": " module " must not include \"" include "\""
        } else if (include !~ /^(sys|cub|cuda)\//) {
            print file ": \"" include "\" belongs to no module"
        }
    }
    if (module != "cli" && !(module in known)) print file ": " module " is not in the table"
}' "$bad.all" >"$bad"
rm -f "$bad.all"

# Public headers include public headers of their own module or below.
for file in "$source"/include/athanor/*.h; do
    name=$(basename "$file" .h)
    sed -n 's/^[ \t]*#[ \t]*include[ \t]*["<]\([^">]*\)[">].*/\1/p' "$file" | while read -r include; do
        case $include in
        athanor/*) echo "$name $include" ;;
        */*) echo "$name ! $include" ;;
        esac
    done
done | awk -v table="$table" '
BEGIN {
    while ((getline line < table) > 0) {
        k = split(line, w, /[ \t]+/)
        if (w[1] == "public") { for (i = 3; i <= k; i++) owner[w[i]] = w[2] }
        else { may[w[1], w[1]] = 1; for (i = 2; i <= k; i++) may[w[1], w[i]] = 1 }
    }
}
$2 == "!" { print "include/athanor/" $1 ".h: foreign include " $3; next }
{
    target = $2; sub(/^athanor\//, "", target); sub(/\.h$/, "", target)
    if (!($1 in owner)) print "include/athanor/" $1 ".h is not in the table"
    else if (!((owner[$1], owner[target]) in may))
        print "include/athanor/" $1 ".h must not include <athanor/" target ".h>"
}' >>"$bad"

if [ "$n" -lt 50 ]; then
    echo "only $n includes found: the script does not see the tree"
    exit 1
fi
if [ -s "$bad" ]; then
    sort -u "$bad"
    exit 1
fi
echo "$n includes point the right way"
