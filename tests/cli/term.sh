#!/bin/sh
# SIGTERM at random times, 4,096 structures of 200 atoms, Lennard-Jones (by default 256, so that it takes seconds): how long until the
# program has ended, with a checkpoint; what is under way goes on.
# usage: term.sh PROGRAM [SYSTEMS [TIMES]]
set -u
athanor=$1
systems=${2:-256}
[ "${ATH_TEST_FULL:-0}" != 1 ] || systems=4096
times=${3:-5}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
awk -v systems="$systems" 'BEGIN { seed = 11; for (s = 0; s < systems; s++) {
    printf "200\nLattice=\"27 0 0 0 27 0 0 0 19\" pbc=\"T T T\" Properties=species:S:1:pos:R:3 name=s%d\n", s
    for (i = 0; i < 200; i++) {
        seed = (seed * 16807) % 2147483647
        printf "Ar %.3f %.3f %.3f\n", 3.8 * (i % 7) + seed % 89 / 300, 3.8 * (int(i / 7) % 7) + seed % 97 / 300,
               3.7 * int(i / 49) + seed % 83 / 300 } } }' >in.xyz
faults=0
longest=0
n=0
while [ $n -lt "$times" ]; do
    "$athanor" md in.xyz --model lj:epsilon=0.0104,sigma=3.4,cutoff=8.5 --steps 1e9 --every 0 --log 0 --temp 60 --max-systems 4096 --out d -v 2>err >out &
    pid=$!
    while [ ! -f d/progress.json ] && kill -0 $pid 2>/dev/null; do sleep 0.1; done
    sleep "$(awk -v n=$n -v p=$pid 'BEGIN { srand(p + n); printf "%.2f", 0.3 + 2 * rand() }')"
    begin=$(date +%s%N)
    kill -TERM $pid
    wait $pid
    code=$?
    took=$((($(date +%s%N) - begin) / 1000000)) # ms
    [ $took -le $longest ] || longest=$took
    open=$(sed -n 's/.*: \([0-9]*\) structures are done, \([0-9]*\) are under way.*/\1 \2/p' err | tail -1)
    if [ $code -ne 75 ] || [ "$open" != "0 $systems" ] || [ $took -gt 4000 ]; then
        echo "FAILED: exit code $code after $took ms, done and open: '$open'"
        tail -3 err
        faults=$((faults + 1))
    fi
    n=$((n + 1))
done
echo "term: $systems structures of 200 atoms, $times times, longest $longest ms, checkpoint of $(stat -c %s d/checkpoint.0) bytes, $faults failed"
[ $faults -eq 0 ]
