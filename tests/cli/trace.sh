#!/bin/sh
# That no i/o goes past the table whose calls the tests make fail and kill: one run under strace, and every call of the
# system on a file of its directory that opens, reads, writes, syncs, renames or removes, against those of the table.
# usage: trace.sh TEST_KILL
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/run"
if ! strace -o "$work/probe" true 2>/dev/null; then
    echo "trace: skipped, there is no strace, or it may not trace"
    exit 77
fi
# a lock, and what asks for one, are not in the table of the test; neither is stat, which changes nothing
strace -f -y -o "$work/log" -e trace=open,openat,creat,read,pread64,preadv,write,pwrite64,writev,fsync,fdatasync,sync_file_range,close,rename,renameat,renameat2,unlink,unlinkat,rmdir,mkdir,mkdirat,truncate,ftruncate,fallocate,link,linkat,mmap \
    "$1" count "$work/run" >"$work/count" 2>"$work/err" || { cat "$work/err"; exit 1; }
grep -F "$work/run" "$work/log" | grep -v -F 'in.xyz", O_WRONLY' | grep -v 'getdents\|O_DIRECTORY|O_CLOEXEC' >"$work/seen"
# the input, which the test itself writes
grep -v -E '(write|close)\([0-9]+<[^>]*in\.xyz>.*$' "$work/seen" >"$work/others" || true
grep -E 'close\([0-9]+<[^>]*in\.xyz>' "$work/seen" >"$work/input" || true
seen=$(($(wc -l <"$work/others") + $(wc -l <"$work/input") - 1))
table=$(cat "$work/count")
echo "trace: $seen calls seen, $table through the table"
[ "$seen" -eq "$table" ] || { sed 's/^[0-9]* *//; s/(.*//' "$work/seen" | sort | uniq -c; exit 1; }
