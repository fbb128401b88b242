#!/bin/sh
# Full disks: a run in file systems of 1 to 64 MiB (where mounting is not allowed: with a limit on the size of files), which ends
# with 75, or well if all fits; then there is room, and the run that goes on has the results of one that was not disturbed.
# usage: disk_full.sh PROGRAM [full]
set -u
athanor=$1
count=16
[ "${2:-}" != full ] && [ "${ATH_TEST_FULL:-0}" != 1 ] || count=64
work=$(mktemp -d)
mounted=
finish()
{
    [ -z "$mounted" ] || umount "$work/disk" 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT
cd "$work" || exit 1
mkdir disk
faults=0
checks=0

# 24 clusters of 27 atoms, from a small generator of numbers
awk 'BEGIN { seed = 5; for (s = 0; s < 24; s++) {
    printf "27\nProperties=species:S:1:pos:R:3 name=c%d\n", s
    for (i = 0; i < 27; i++) {
        seed = (seed * 16807) % 2147483647
        printf "%s %.4f %.4f %.4f\n", substr("CuNiPdAgPtAu", 1 + 2 * (seed % 6), 2), 2.6 * (i % 3) + seed % 97 / 900,
               2.6 * (int(i / 3) % 3) + seed % 89 / 900, 2.6 * int(i / 9) + seed % 83 / 900 } } }' >in.xyz

run()
{
    "$athanor" md in.xyz --steps 400 --every 1 --log 10 --ensemble nvt --max-systems 6 --threads 1 --checkpoint 0.05 -q --out "$@"
}

run whole 2>err || { cat err; exit 1; }
bytes=$(du -s -B1 whole | cut -f1)
if mount -t tmpfs -o size=1m none disk 2>/dev/null; then
    mounted=yes
    umount disk
    how='file systems in memory'
else
    how='RLIMIT_FSIZE: mounting is not allowed here'
fi
echo "disk_full: $how; the run takes $bytes bytes"
stopped=0
n=1
while [ $n -le $count ]; do
    size=$((n * 64 / count)) # MiB
    checks=$((checks + 1))
    if [ -n "$mounted" ]; then
        mount -t tmpfs -o size=${size}m none disk || exit 1
        run disk/d 2>err
        code=$?
        [ $code -ne 75 ] || mount -o remount,size=200m disk || exit 1
    else
        rm -rf disk/d
        (trap '' XFSZ 2>/dev/null; ulimit -f $((size * 2048 / 4)) && run disk/d 2>err)
        code=$?
    fi
    if [ $code -eq 75 ]; then
        stopped=$((stopped + 1))
        run disk/d 2>err2
        again=$?
        [ $again -eq 0 ] || { echo "FAILED: $size MiB: exit code $again of the run that goes on"; cat err err2; faults=$((faults + 1)); }
    elif [ $code -ne 0 ]; then
        echo "FAILED: $size MiB: exit code $code"
        cat err
        faults=$((faults + 1))
    fi
    for file in final.extxyz results.csv; do
        cmp -s whole/$file disk/d/$file || { echo "FAILED: $size MiB: another $file"; faults=$((faults + 1)); }
    done
    [ "$(grep -o 'uid=.*' whole/traj.extxyz | sort | cksum)" = "$(grep -o 'uid=.*' disk/d/traj.extxyz | sort | cksum)" ] ||
        { echo "FAILED: $size MiB: frames are missing or there twice"; faults=$((faults + 1)); }
    [ -z "$mounted" ] || umount disk
    n=$((n + 1))
done
echo "disk_full: $checks sizes, $stopped were too small, $faults failed"
[ $faults -eq 0 ] && [ $stopped -gt 0 ] && [ $stopped -lt $checks ]
