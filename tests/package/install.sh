#!/bin/sh
# Installs the build into an empty prefix and uses it as a stranger would: a C and a C++ program through
# find_package (shared and static) and through pkg-config, the examples, and the installed program.
# usage: install.sh SOURCE_DIR BUILD_DIR CMAKE CC [CXX] [PKG_CONFIG]
set -eu
source=$1
build=$2
cmake=$3
cc=$4
cxx=${5:-}
pkg_config=${6:-}
here=$source/tests/package
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix=$work/prefix

DESTDIR= "$cmake" --install "$build" --prefix "$prefix" >"$work/install.log"
libdir=$(dirname "$(find "$prefix" -name 'libathanor.so' | head -1)")
[ -d "$libdir" ] || { echo "libathanor.so is not installed"; exit 1; }
grep -q "$source" "$libdir"/cmake/athanor/*.cmake "$libdir"/pkgconfig/athanor.pc &&
    { echo "an installed file names the source tree"; exit 1; }

echo "== find_package, shared and static"
set -- -S "$here/consumer" -B "$work/consumer" -DCMAKE_PREFIX_PATH="$prefix" \
    -DCMAKE_C_COMPILER="$cc" -DCMAKE_BUILD_TYPE=Release
[ -n "$cxx" ] && set -- "$@" -DCMAKE_CXX_COMPILER="$cxx"
"$cmake" "$@" >"$work/consumer.log" 2>&1 || { cat "$work/consumer.log"; exit 1; }
"$cmake" --build "$work/consumer" >"$work/consumer.log" 2>&1 || { cat "$work/consumer.log"; exit 1; }
want=$("$work/consumer/consumer_c_static")
echo "$want"
case $want in
*" eV") ;;
*) echo "no energy from the consumer"; exit 1 ;;
esac
[ "$("$work/consumer/consumer_c_shared")" = "$want" ]
if [ -n "$cxx" ]; then
    [ "$("$work/consumer/consumer_cxx_static")" = "$want" ]
    [ "$("$work/consumer/consumer_cxx_shared")" = "$want" ]
fi

if [ -n "$pkg_config" ]; then
    echo "== pkg-config"
    PKG_CONFIG_PATH=$libdir/pkgconfig
    export PKG_CONFIG_PATH
    "$cc" -std=c17 $("$pkg_config" --cflags athanor) "$here/consumer/consumer.c" \
        -o "$work/by_pkg_config" $("$pkg_config" --libs athanor)
    [ "$(LD_LIBRARY_PATH=$libdir "$work/by_pkg_config")" = "$want" ]
    "$cc" -std=c17 $("$pkg_config" --cflags athanor) "$here/consumer/consumer.c" \
        -o "$work/by_pkg_config_static" "$libdir/libathanor.a" \
        $("$pkg_config" --libs --static athanor | sed 's/-lathanor//')
    [ "$("$work/by_pkg_config_static")" = "$want" ]
else
    echo "== pkg-config is not installed: not tried"
fi

echo "== examples"
"$cmake" -S "$source/examples" -B "$work/examples" -DCMAKE_PREFIX_PATH="$prefix" \
    -DCMAKE_C_COMPILER="$cc" -DCMAKE_BUILD_TYPE=Release >"$work/examples.log" 2>&1 ||
    { cat "$work/examples.log"; exit 1; }
"$cmake" --build "$work/examples" >"$work/examples.log" 2>&1 || { cat "$work/examples.log"; exit 1; }
n=0
for example in "$source"/examples/[0-9]*.c; do
    name=$(basename "$example" .c)
    lines=$(wc -l <"$example")
    [ "$lines" -lt 100 ] || { echo "$name.c has $lines lines"; exit 1; }
    (cd "$work" && "examples/$name" "$source"/examples/data/*.extxyz) >"$work/$name.out" ||
        { echo "$name failed"; cat "$work/$name.out"; exit 1; }
    [ -s "$work/$name.out" ] || { echo "$name printed nothing"; exit 1; }
    tail -2 "$work/$name.out"
    n=$((n + 1))
done
[ "$n" -gt 0 ]

echo "== program"
"$prefix/bin/athanor" --version
"$prefix/bin/athanor" relax "$source/examples/data/clusters.extxyz" --out "$work/out" >/dev/null
[ -s "$work/out/final.extxyz" ]
echo "all of it works from $prefix"
