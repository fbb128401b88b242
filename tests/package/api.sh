#!/bin/sh
# Every function that the headers of the engine declare is called in tests/dynamics/test_api.c.
# Usage: api.sh SOURCE_DIR
set -eu
missing=0
for name in $(sed -n 's/^ATH_API .*[ *]\(ath_[a-z_]*\)(.*/\1/p' \
    "$1/include/athanor/dynamics.h" "$1/include/athanor/hook.h"); do
    grep -q "$name(" "$1/tests/dynamics/test_api.c" || {
        echo "not called in test_api.c: $name"
        missing=1
    }
done
exit $missing
