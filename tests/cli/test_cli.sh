#!/bin/sh
# The program as people run it: what it prints, what it writes, and how it exits.
# Groups of jobs (run, check) are in job_groups.sh.
# usage: test_cli.sh GROUP PROGRAM EXAMPLES REFERENCE_DATA TEST_DIR
set -u
group=$1
athanor=$2
examples=$3
reference=$4
here=$5
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
faults=0
checks=0
unset NO_COLOR
TERM=dumb
export TERM

bad()
{
    echo "FAILED: $*"
    [ ! -s err ] || sed 's/^/    stderr: /' err | head -5
    faults=$((faults + 1))
}

# expect CODE ARGUMENTS...: runs the program; output in `out` and `err`. Messages are lines "athanor: ...".
expect()
{
    want=$1
    shift
    checks=$((checks + 1))
    "$athanor" "$@" >out 2>err </dev/null
    got=$?
    [ "$got" -eq "$want" ] || bad "exit code $got instead of $want: athanor $*"
    if [ "$want" -ge 64 ] && ! grep -q '^athanor: ' err; then
        bad "no message: athanor $*"
    fi
}

# same WHAT IS WANTED: both texts are equal.
same()
{
    checks=$((checks + 1))
    [ "$2" = "$3" ] || bad "$1: '$2' instead of '$3'"
}

# says PATTERN FILE: the file has a line like this.
says()
{
    checks=$((checks + 1))
    grep -q -e "$1" "$2" || bad "no '$1' in $2: $(head -3 "$2")"
}

# column NAME FILE: a column of a results.csv without quotes.
column()
{
    awk -F, -v name="$1" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) k = i; next }
                          { printf "%s%s", sep, $k; sep = " " }' "$2"
}

# names FILE: name= of each frame.
names()
{
    sed -n 's/.*[ ]name=\([^ ]*\).*/\1/p' "$1" | tr '\n' ' ' | sed 's/ $//'
}

group_usage()
{
    expect 64
    expect 0 --help
    says 'usage: athanor COMMAND' out
    expect 0 --version
    says '^athanor [0-9]*\.[0-9]*\.[0-9]*$' out
    expect 64 rleax
    for command in relax md static run resume replay status report export check validate info; do
        expect 0 $command --help
        says "usage: athanor $command" out
        says '--verbose' out
        expect 0 $command --version
        expect 64 $command --no-such-option
    done
    expect 0 relax --help
    for word in model fmax steps every out overwrite strict seed threads device max-systems max-atoms; do
        says "--$word" out
    done
    expect 64 relax
    expect 64 relax "$examples/bulk.extxyz"
    says 'needs --out' err
    expect 64 relax --stepz 4 x
    says "did you mean 'steps'" err
    expect 64 relax x --out d --steps many
    expect 64 relax x --out d --steps 1.5
    expect 64 relax x --out d --steps -1
    expect 64 relax x --out d --fmax 0
    expect 64 relax x --out d --fmax nan
    expect 64 relax x --out d --max-systems 0
    expect 64 relax x --out d --quiet=1
    expect 64 relax x --out
    says 'needs a value' err
    expect 64 relax "$examples/bulk.extxyz" --out ''
    expect 64 relax x --timestep 1
    expect 64 md x --out d --velocities sometimes
    expect 64 md x --out d --timestep 0
    expect 64 relax x -Z
    same 'nothing was made' "$(ls | tr '\n' ' ')" 'err out '
}

group_exits()
{
    cp "$here/bad.xyz" .
    expect 0 relax bad.xyz@0 --out ok
    expect 3 relax bad.xyz@0 --steps 1 --out limit
    same 'state at the limit' "$(column state limit/results.csv)" step_limit
    expect 3 relax bad.xyz --out some
    expect 65 relax bad.xyz --model emp --out d
    says "did you mean 'emt'" err
    expect 65 relax bad.xyz --model emt:colour=red --out d
    expect 65 relax bad.xyz --model 'lj:sigma=-1' --out d
    expect 65 relax bad.xyz --strict --out strict
    expect 65 relax bad.xyz@3 --strict --out strict_failed
    expect 65 relax bad.xyz@1 --out all_rejected
    same 'rejected' "$(column state all_rejected/results.csv)" rejected
    : >empty.xyz
    expect 65 relax empty.xyz --out empty
    expect 66 relax no.xyz --out d
    expect 66 relax bad.xyz no.xyz --out d
    expect 66 relax 'no*.xyz' --out d
    expect 66 relax . --out d
    expect 66 relax bad.xyz@99 --out beyond
    expect 64 relax bad.xyz@0 --device cuda:77 --out d
    expect 64 relax bad.xyz@0 --device toaster --out d
    expect 64 relax bad.xyz@::0 --out d
    [ ! -e d ] || bad 'a directory was made for a job that could not begin'
    expect 73 relax bad.xyz --out ok
    says 'overwrite' err
    expect 73 relax bad.xyz --out bad.xyz
    expect 73 relax bad.xyz --out bad.xyz/d
    expect 73 relax bad.xyz --out no/such/d
    expect 73 relax bad.xyz --out /proc/athanor
    touch ok/notes.txt
    expect 73 relax bad.xyz@0 --out ok --overwrite
    [ -f ok/final.extxyz ] || bad 'a refused --overwrite has removed something'
    rm ok/notes.txt
    expect 0 relax bad.xyz@5 --out ok --overwrite
    same 'replaced' "$(names ok/final.extxyz)" good2
    expect 0 relax bad.xyz@0 --out ok/// --overwrite
    same 'replaced' "$(names ok/final.extxyz)" good1
    # a full disk: files may not grow beyond 4 KiB, or the device is always full
    (trap '' XFSZ 2>/dev/null; ulimit -f 8; "$athanor" relax "$examples/bulk.extxyz" --out full -q 2>err)
    same 'exit code with a full disk' $? 75
    says "^athanor: .*File too large" err
    says "no room on the disk: .*athanor resume full goes on" err
    expect 0 resume full
    expect 0 relax "$examples/bulk.extxyz" --out roomy
    cmp -s full/final.extxyz roomy/final.extxyz || bad 'a full disk has changed the results'
    if [ -c /dev/full ]; then
        "$athanor" static bad.xyz@0 >/dev/full 2>err
        same 'exit code with a full standard output' $? 74
    fi
    "$athanor" md "$examples/slabs.extxyz" --steps 1e9 --every 0 --out long -q 2>err &
    pid=$!
    sleep 1
    kill -TERM $pid
    wait $pid
    same 'exit code after a signal' $? 75
    says 'interrupted: 0 structures are done, [1-9][0-9]* are under way; athanor resume long goes on' err
    [ ! -e long/results.csv ] || bad 'results of a run that has not ended'
    same 'left beside the outputs' "$(ls | grep -c -E '\.(new|old)\.')" 0
}

# begin DIR ARGUMENTS...: the program in the background, as $pid.
begin()
{
    out=$1
    shift
    "$athanor" "$@" --out "$out" -q --checkpoint 0.05 2>err &
    pid=$!
}

# equal DIR: the results, trajectory and log of DIR are those of `whole`.
equal()
{
    checks=$((checks + 1))
    for file in final.extxyz results.csv; do
        cmp -s "whole/$file" "$1/$file" || bad "$1/$file is not that of the undisturbed run"
    done
    for file in "$1"/*.csv; do
        file=$(basename "$file")
        sort "whole/$file" >a && sort "$1/$file" >b
        cmp -s a b || bad "rows of $1/$file are not those of the undisturbed run"
    done
    for file in "$1"/*.extxyz "$1"/*.xyz; do
        file=$(basename "$file")
        [ ! -f "$1/$file" ] || same "$1/$file" "$(grep -o 'uid=.*' "$1/$file" | sort | cksum)" \
            "$(grep -o 'uid=.*' "whole/$file" | sort | cksum)"
    done
}

# Stopped in every way and resumed: nothing lost, nothing twice, the same bits.
group_resume()
{
    cp "$examples/clusters.extxyz" c.xyz
    set -- md c.xyz bad.xyz --steps 8000 --every 400 --log 200 --ensemble nvt --max-systems 3 --threads 1
    cp "$here/bad.xyz" .
    expect 3 "$@" --out whole
    for how in KILL TERM INT USR1; do
        begin "d$how" "$@"
        sleep 0.3
        kill -$how $pid
        wait $pid
        code=$?
        [ $code -eq 3 ] || [ $how = KILL ] || same "exit code after $how" $code 75
        expect 3 "$@" --out "d$how"
        says 'goes on: [0-9]* structures are done' err
        equal "d$how"
    done
    # again and again, and at last from elsewhere
    begin many "$@"
    for n in 1 2 3 4 5 6 7 8; do
        sleep 0.15
        kill -KILL $pid 2>/dev/null
        wait $pid
        "$athanor" resume many -q --checkpoint 0.05 2>err &
        pid=$!
    done
    kill -TERM $pid 2>/dev/null
    wait $pid
    (cd / && "$athanor" resume "$OLDPWD/many" -q 2>/dev/null)
    same 'resumed from elsewhere' $? 3
    equal many
    # a file STOP, and a limit of time
    begin stop "$@"
    sleep 0.2
    touch stop/STOP
    wait $pid
    code=$?
    [ $code -eq 3 ] || same 'exit code after STOP' $code 75
    [ $code -eq 3 ] || says 'there is a file STOP: ' err
    rm -f stop/STOP
    expect 3 resume stop
    equal stop
    expect 75 md c.xyz --steps 1e9 --every 0 --log 0 --out time --max-walltime 1s
    says 'the wall time is over: ' err
    expect 64 md c.xyz --out wrong --max-walltime soon
    # one process at a time; another job is refused
    begin busy md c.xyz --steps 1e9 --every 0 --log 0
    sleep 0.3
    expect 73 resume busy
    says 'another process' err
    expect 73 md c.xyz --steps 1e9 --every 0 --log 0 --out busy --overwrite
    says 'another process' err
    kill -KILL $pid
    wait $pid
    expect 73 md c.xyz --steps 10 --every 0 --log 0 --out busy
    says 'holds another job.*--overwrite' err
    expect 0 md c.xyz --steps 10 --every 0 --log 0 --out busy --overwrite
    expect 0 resume busy
    says '4 structures are done, 0 are under way' err
    mkdir empty
    expect 66 resume empty
    expect 66 resume nowhere
    expect 64 resume
    # inputs that have changed
    sed 's/name=/name=x/' c.xyz | head -15 >more.xyz
    cat more.xyz >>c.xyz
    expect 0 resume busy
    same 'what was added is done, too' "$(wc -l <busy/results.csv)" 6
    head -15 c.xyz >less.xyz
    mv less.xyz c.xyz
    expect 65 resume busy
    says 'structures that are not in the input any more' err
}

# A failure happens again from its bundle, also where the run has gone; any structure can be looked at again.
group_replay()
{
    for n in 1 2 3 4 5 6; do
        d=2.6
        [ $n -ne 3 ] || d=0.75
        printf '4\nProperties=species:S:1:pos:R:3 name=b%s\nCu 0 0 0\nCu %s 0 0\nCu 0 2.6 0.%s\nCu 2.6 2.6 0\n' $n $d $n
    done >bomb.xyz
    expect 3 md bomb.xyz --steps 600 --timestep 2 --max-temperature 4000 --good-every 50 --ensemble nvt --out d
    same 'bundles' "$(ls d/quarantine | wc -l)" 1
    same 'is that of the one that failed' "$(ls d/quarantine)" \
        "$(grep quarantined d/results.csv | cut -d, -f1).bundle"
    cp d/quarantine/*.bundle lost.bundle
    expect 0 replay d/quarantine/*.bundle -o again.xyz
    says 'max_temperature after [0-9]* steps, from its last good state; the same bits as before' out
    expect 0 replay d --system "$(sed -n 3p d/results.csv | cut -d, -f1)" --from-step 300 --every 100 -o some.xyz
    says 'budget after 600 steps; the same bits as before' out
    same 'frames' "$(grep -o 'step=[0-9]*' some.xyz | tr '\n' ' ')" 'step=300 step=400 step=500 step=600 '
    same 'the frames of the run' "$(grep -h -A 5 'step=500' some.xyz | tail -5 | cut -c1-40)" \
        "$(grep -A 5 "uid=$(sed -n 3p d/results.csv | cut -d, -f1) step=500" d/traj.extxyz | tail -5 | cut -c1-40)"
    expect 0 replay d --system "$(grep quarantined d/results.csv | cut -d, -f1)"
    expect 66 replay d --system 00000000000000000000000000000001
    expect 64 replay d
    expect 64 replay d --system name
    expect 64 replay
    expect 66 replay nowhere
    expect 65 replay d/results.csv
    head -c 300 lost.bundle >torn.bundle
    expect 65 replay torn.bundle
    # a job, whose hooks act again but write nothing
    cat >job.yaml <<'END'
input: bomb.xyz
model: emt
out: j
limits: {max_temperature: 4000, good_every: 20}
hooks: [{type: log, every: 10}, {type: snapshot, every: 50, sink: s.xyz}]
stages:
  - {name: a, integrator: fire, steps: 3}
  - {name: b, integrator: {name: langevin, timestep: 2, temperature: 300, friction: 0.01}, steps: 200, velocities: thermal, temperature: 300}
sinks: [{type: file, path: all.xyz}]
END
    expect 3 run job.yaml
    uid=$(sed -n 2p j/results.csv | cut -d, -f1)
    cksum j/*.xyz j/log.csv >before
    expect 0 replay j --system "$uid" -o job.xyz
    says 'budget after 200 steps; the same bits as before' out
    same 'frames of both stages' "$(grep -c uid= job.xyz)" 204
    same 'files of the run' "$(cksum j/*.xyz j/log.csv)" "$(cat before)"
    same 'left in the temporary directory' "$(find "${TMPDIR:-/tmp}" -maxdepth 1 -name 'athanor-job-*' -newer job.yaml | wc -l)" 0
    # a bundle needs its inputs only if it has no good state
    rm -rf d bomb.xyz
    expect 0 replay lost.bundle
}

group_input()
{
    cp "$here/bad.xyz" .
    cp "$examples/clusters.extxyz" c.xyz
    expect 3 relax bad.xyz --out some
    same 'states' "$(column state some/results.csv)" \
        'finished rejected rejected quarantined finished finished'
    same 'frames' "$(column frame some/results.csv)" '0 1 2 3 4 5'
    same 'reasons' "$(column reason some/results.csv)" \
        'converged bad_input bad_input too_close converged converged'
    same 'final' "$(names some/final.extxyz)" 'good1 same five good2'
    says 'note="two words"' some/final.extxyz
    says ' level=7 ' some/final.extxyz
    says '^athanor: warning: bad.xyz frame 1 rejected' err
    says 'bad.xyz:8:8' err
    expect 3 relax bad.xyz --out small --max-atoms 4
    same 'too large' "$(column reason small/results.csv)" \
        'converged bad_input bad_input too_close too_large converged'
    expect 0 relax c.xyz@1:3 c.xyz@-1 c.xyz@::3 --out slices --steps 1000
    same 'slices' "$(names slices/final.extxyz)" \
        "$(names c.xyz | awk '{ print $2, $3, $4, $1, $4 }')"
    same 'the same structure twice has two identities' \
        "$(column uid slices/results.csv | tr ' ' '\n' | sort -u | wc -l)" 5
    expect 0 relax './[c]*.xyz@0' --out quoted --steps 1000
    same 'quoted pattern' "$(names quoted/final.extxyz)" "$(names c.xyz | awk '{ print $1 }')"
    "$athanor" relax - --steps 1000 --out stdin -q <c.xyz
    same 'standard input' $? 0
    same 'standard input' "$(names stdin/final.extxyz)" "$(names c.xyz)"
    cp c.xyz odd@name.xyz
    cp c.xyz 'a file.xyz'
    cp c.xyz 'comma,quote".xyz'
    expect 0 relax odd@name.xyz@0 'a file.xyz@0' 'comma,quote".xyz@0' --out odd --steps 1000
    same 'odd names' "$(wc -l <odd/results.csv)" 4
    says '"comma,quote"".xyz"' odd/results.csv
    awk '{ printf "%s\r\n", $0 }' c.xyz >crlf.xyz
    expect 0 relax crlf.xyz --out crlf --steps 1000
    same 'CRLF' "$(sed 1d crlf/final.extxyz | cksum)" "$(sed 1d stdin/final.extxyz | cksum)"
}

# spoiled NAME MESSAGE: the file NAME between two good ones. One clear message, one structure that is lost, the
# others as if it were not there; with --strict the end.
spoiled()
{
    expect 3 relax good.xyz "$1" good.xyz --out d --overwrite
    says "^athanor: warning: $1 frame [0-9]* rejected (bad_input): .*$2" err
    same "messages about $1" "$(grep -c '^athanor: ' err)" 1
    same "the others beside $1" "$(grep -c ,good.xyz, d/results.csv) $(grep -v -c lost d/final.extxyz)" "2 $good_lines"
    grep -A 3 -F name=good d/final.extxyz | grep -v -e -- | sort >bits
    same "bits of the others beside $1" "$(cksum <bits)" "$good_bits"
    expect 65 relax good.xyz "$1" good.xyz --out d --overwrite --strict
}

# atoms LINE: a structure of two atoms of which this is the first.
atoms()
{
    printf '2\nname=lost\n%b\nCu 2.5 0 0\n' "$1"
}

group_bad()
{
    printf '2\nname=good\nCu 0 0 0\nCu 2.5 0 0\n' >good.xyz
    expect 0 relax good.xyz good.xyz --out d
    good_lines=$(wc -l <d/final.extxyz)
    good_bits=$(grep -A 3 -F name=good d/final.extxyz | grep -v -e -- | sort | cksum)
    atoms 'Cu nan 0 0' >nan.xyz
    spoiled nan.xyz "nan.xyz:3:4: expected a real number for 'pos', found 'nan'"
    atoms 'Cu 0 0 1e999' >huge.xyz
    spoiled huge.xyz "huge.xyz:3:8: expected a real number for 'pos', found '1e999'"
    atoms 'Cu 0x1p3 0 0' >hex.xyz
    spoiled hex.xyz "hex.xyz:3:4: expected a real number"
    atoms 'Cu \0357\0274\0221 0 0' >digits.xyz
    spoiled digits.xyz 'digits.xyz:3:4: expected a real number'
    atoms 'Cu 0,5 0 0' >comma.xyz
    spoiled comma.xyz "comma.xyz:3:4: expected a real number for 'pos', found '0,5'"
    atoms 'Xx 0 0 0' >element.xyz
    spoiled element.xyz "element.xyz:3:1: expected the symbol of an element, found 'Xx'"
    atoms 'Fe 0 0 0' >lacks.xyz
    spoiled lacks.xyz 'emt has no parameters for Fe'
    atoms 'Cu 2.5 0 0' >top.xyz
    expect 3 relax good.xyz top.xyz good.xyz --out d --overwrite
    says '^athanor: warning: top.xyz frame 0 failed (too_close) after 0 steps' err
    same 'bits of the others beside top.xyz' \
        "$(grep -A 3 -F name=good d/final.extxyz | grep -v -e -- | sort | cksum)" "$good_bits"
    expect 65 relax good.xyz top.xyz good.xyz --out d --overwrite --strict
    printf '3\nname=lost\nCu 0 0 0\nCu 2.5 0' >truncated.xyz
    spoiled truncated.xyz 'truncated.xyz:5:1: expected 3 rows of atoms after 2'
    printf '1000000000000\nname=lost\nCu 0 0 0\n' >count.xyz
    spoiled count.xyz 'count.xyz:1:1: expected at most 2147483647 atoms'
    printf -- '-3\nname=lost\nCu 0 0 0\n' >minus.xyz
    spoiled minus.xyz 'minus.xyz:1:1: expected the number of atoms'
    printf '1\nname=lost Lattice="1 0 0 2 0 0 0 0 1" pbc="T T T"\nCu 0 0 0\n' >singular.xyz
    spoiled singular.xyz 'singular.xyz:2:11: Lattice vectors along periodic axes are dependent'
    printf '\000\377\177ELF\001\002\n\n\r\n\200' >noise.xyz
    spoiled noise.xyz 'noise.xyz:1:1: expected the number of atoms'
    awk 'BEGIN { printf "1\nname=lost"; for (i = 0; i < 500000; i++) printf " a=1"; print "\nCu 0 0 0" }' >keys.xyz
    expect 0 relax good.xyz keys.xyz good.xyz --out d --overwrite # the last one counts
    says ' a=1 ' d/final.extxyz
    { printf '1\nname=lost x='; head -c 100000000 /dev/zero | tr '\0' a; printf '\nCu 0 0 0\n'; } >long.xyz
    spoiled long.xyz 'long.xyz:2:1: a line longer than'
    printf '1\nname=lost\nCu 0 0 0\nCu 2.5 0 0\n' >rows.xyz # one structure, and a row too many
    expect 3 relax good.xyz rows.xyz good.xyz --out d --overwrite
    says "rows.xyz:4:1: expected the number of atoms, found 'Cu'" err
    same 'states' "$(column state d/results.csv)" 'finished finished rejected finished'
    : >empty.xyz
    expect 0 relax good.xyz empty.xyz --out d --overwrite
    says "^athanor: warning: 'empty.xyz' is empty" err
    mkdir folder.xyz
    expect 66 relax good.xyz folder.xyz --out d --overwrite
    says "'folder.xyz' is a directory" err
    # numbers are read the same way in every language
    for language in de_DE.UTF-8 fr_FR.UTF-8 tr_TR.UTF-8; do
        LC_ALL=$language expect 0 relax good.xyz --out d --overwrite --fmax 0.05
        same "bits in $language" "$(grep -A 3 -F name=good d/final.extxyz | sort | uniq | cksum)" \
            "$(expect 0 relax good.xyz --out c --overwrite --fmax 0.05
               grep -A 3 -F name=good c/final.extxyz | sort | uniq | cksum)"
    done
}

group_output()
{
    expect 0 relax "$examples"/*.extxyz --fmax 0.02 --out r --every 50
    same 'files' "$(ls r | tr '\n' ' ')" 'command.json final.extxyz job.json journal progress.json results.csv run.log traj.extxyz '
    same 'header' "$(head -1 r/results.csv)" \
        'uid,file,frame,name,n_atoms,stage,state,reason,steps,energy,fmax,max_stress'
    same 'order' "$(names r/final.extxyz)" "$(cat "$examples"/*.extxyz >all; names all)"
    same 'order of rows' "$(column name r/results.csv)" "$(names all)"
    same 'rows' "$(grep -c ',relax,finished,converged,' r/results.csv)" "$(grep -c Properties all)"
    same 'columns' "$(grep -c 'Properties=species:S:1:pos:R:3:forces:R:3' r/final.extxyz)" 16
    same 'keys' "$(grep -c -E 'energy=.* converged=T reason=converged steps=[0-9]+ fmax=[-0-9.e]+ model=emt model_hash=[0-9a-f]{32} program=athanor-[0-9.]+$' r/final.extxyz)" 16
    says '"command": "relax"' r/job.json
    says '"fmax": 0.02' r/job.json
    says '"model_hash": "[0-9a-f]*"' r/job.json
    says 'converged  *16' r/run.log
    says 'exit code 0' r/run.log
    says 'converged  *16' out
    says 'throughput' out
    says 'time per phase' out
    says 'peak memory' out
    same 'steps of the first frame' "$(sed -n 2p r/traj.extxyz | sed 's/.*step=//')" 0
    if command -v python3 >/dev/null; then
        python3 -c 'import json, sys; json.load(open("r/job.json"))' || bad 'job.json is not JSON'
    fi
    if grep -E -i "$(hostname)|/tmp|$(date +%Y-)" r/final.extxyz r/traj.extxyz >bits; then
        bad "time or place in exported records: $(head -1 bits)"
    fi
    # fmax of results.csv and that of the written forces agree
    awk 'function end() { if (n) print sqrt(most) }
         NF == 1 { end(); n = $1; most = 0; next } /Properties/ { next }
         { f = $5 * $5 + $6 * $6 + $7 * $7; if (f > most) most = f } END { end() }' r/final.extxyz >fmax
    column fmax r/results.csv | tr ' ' '\n' >fmax_csv
    paste fmax fmax_csv | awk '{ d = $1 - $2; if (d > 1e-5 || d < -1e-5) exit 1 }' ||
        bad 'fmax does not belong to the forces'
    expect 0 relax "$examples"/*.extxyz --out q -q
    same 'quiet' "$(cat out err)" ''
    # again from what was written: nothing is left to do, keys are replaced and not repeated
    expect 0 relax r/final.extxyz --fmax 0.02 --out again
    same 'steps' "$(column steps again/results.csv | tr -d ' ')" 0000000000000000
    same 'energies' "$(column energy again/results.csv)" "$(column energy r/results.csv)"
    same 'one reason in each frame' "$(grep -o ' reason=' again/final.extxyz | wc -l)" 16
    same 'one energy in each frame' "$(grep -o ' energy=' again/final.extxyz | wc -l)" 16
}

# Bits of the results do not depend on threads or on how much is in the batch.
group_order()
{
    set -- "$examples"/*.extxyz
    if [ -f "$reference/structures/emt_1000.extxyz" ]; then
        set -- "$@" "$reference/structures/emt_1000.extxyz@0:60"
    else
        echo "no reference structures in $reference: examples only"
    fi
    for run in '1 1000' '2 1000' '3 1000' '1 7' '2 7' '3 7' '2 1'; do
        for command in relax md; do
            options=
            [ $command = relax ] || options='--every 20'
            # shellcheck disable=SC2086
            "$athanor" $command "$@" --steps 60 $options --out "$command" -q --overwrite \
                --threads "${run% *}" --max-systems "${run#* }" 2>err
            code=$?
            [ $code -eq 0 ] || [ $code -eq 3 ] || bad "exit code $code of $command, $run"
            sums="$(cksum <$command/final.extxyz) $(cksum <$command/results.csv)"
            if [ "$run" = '1 1000' ]; then
                eval "first_$command=\$sums"
            fi
            eval "same \"bits of $command, threads and max-systems $run\" \"\$sums\" \"\$first_$command\""
        done
    done
    set -- --max-atoms 300
    "$athanor" relax "$examples"/*.extxyz --steps 60 --out a -q
    "$athanor" relax "$examples"/*.extxyz --steps 60 --out b -q --max-atoms 300
    same 'bits with --max-atoms' "$(cksum <b/final.extxyz)" "$(cksum <a/final.extxyz)"
}

# 1000 structures: all of them accounted for, within bounded memory.
group_resources()
{
    data=$reference/structures/emt_1000.extxyz
    if [ ! -f "$data" ]; then
        echo "SKIPPED: no reference structures in $reference"
        exit 77
    fi
    "$athanor" relax "$data" --fmax 0.05 --out r --max-systems 100 >out 2>err
    code=$?
    [ $code -eq 0 ] || [ $code -eq 3 ] || bad "exit code $code"
    same 'rows' "$(($(wc -l <r/results.csv) - 1))" 1000
    same 'structures' "$(grep -c Properties r/final.extxyz)" 1000
    same 'order' "$(names r/final.extxyz | cksum)" "$(names "$data" | cksum)"
    same 'identities' "$(column uid r/results.csv | tr ' ' '\n' | sort -u | wc -l)" 1000
    n=$(awk '$1 == "converged" || ($1 == "step" && $2 == "limit") || $1 == "failed" ||
             $1 == "rejected" { for (i = 2; i <= NF; i++) if ($i ~ /^[0-9]+$/) { n += $i; break } }
             END { print n }' out)
    same 'n_in = converged + step limit + failed + rejected' "$n" 1000
    same 'failed' "$(grep -c quarantined r/results.csv)" 0
}

group_md()
{
    cp "$examples/clusters.extxyz" c.xyz
    cp "$examples/slabs.extxyz" s.xyz
    # every own step that is a multiple of --every, whoever shares the batch and whenever one enters it
    for most in 1000 2 1; do
        expect 0 md s.xyz c.xyz --steps 201 --every 100 --max-systems $most --out traj_$most
        sed -n 's/.*name=\([^ ]*\) .*uid=.* step=\([0-9]*\).*/\1 \2/p' traj_$most/traj.extxyz |
            sort >steps_$most
        same "frames with --max-systems $most" "$(wc -l <steps_$most)" 28
        same "steps with --max-systems $most" "$(cksum <steps_$most)" "$(cksum <steps_1000)"
    done
    same 'state' "$(column reason traj_1/results.csv)" \
        'budget budget budget budget budget budget budget'
    expect 0 md c.xyz --steps 10 --every 0 --out none
    [ ! -e none/traj.extxyz ] || bad 'a trajectory that was not asked for'
    expect 0 md c.xyz --steps 10 --seed 1 --out seed1
    expect 0 md c.xyz --steps 10 --seed 2 --out seed2
    checks=$((checks + 1))
    cmp -s seed1/final.extxyz seed2/final.extxyz && bad 'the seed changes nothing'
    # a structure with a temperature of its own, if that is asked for; one that is out of range is out
    sed '2s/$/ temperature=0/' c.xyz >own.xyz
    expect 0 md own.xyz --steps 0 --per-system --out own
    same 'at rest as it asks' "$(sed -n 3p own/final.extxyz | cut -d' ' -f5-7 | tr -d -)" '0 0 0'
    same 'written once' "$(sed -n 2p own/final.extxyz | grep -o 'temperature=' | wc -l)" 1
    expect 0 md own.xyz --steps 0 --out not_own
    checks=$((checks + 1))
    [ "$(sed -n 3p not_own/final.extxyz | cut -d' ' -f5-7 | tr -d -)" != '0 0 0' ] ||
        bad 'a key that was not asked for'
    sed '2s/$/ temperature=-1/' c.xyz >own.xyz
    expect 3 md own.xyz --steps 1 --per-system --out own_bad
    same 'out of range' "$(column reason own_bad/results.csv | cut -d' ' -f1)" bad_input
    # a continued run draws no velocities; `new` does; `keep` leaves atoms without any at rest
    expect 0 md seed1/final.extxyz --steps 0 --out kept
    same 'velocities are kept' "$(grep -v = kept/final.extxyz | cut -d' ' -f5-7 | cksum)" \
        "$(grep -v = seed1/final.extxyz | cut -d' ' -f5-7 | cksum)"
    expect 0 md seed1/final.extxyz --steps 0 --velocities new --out drawn
    checks=$((checks + 1))
    [ "$(grep -v = drawn/final.extxyz | cut -d' ' -f5-7 | cksum)" != \
        "$(grep -v = seed1/final.extxyz | cut -d' ' -f5-7 | cksum)" ] || bad '--velocities new draws none'
    expect 0 md c.xyz --steps 0 --velocities keep --out rest
    same 'at rest' "$(grep -v -E '=|^[0-9]' rest/final.extxyz |
        awk '$5 != 0 || $6 != 0 || $7 != 0 { n++ } END { print n + 0 }')" 0
}

# spread N FILE: largest less smallest value of column N of a thermo.csv, for the structure where that is largest.
spread()
{
    awk -F, -v k="$1" 'NR > 1 && !($1 in lo) { lo[$1] = hi[$1] = $k }
        NR > 1 { if ($k < lo[$1]) lo[$1] = $k; if ($k > hi[$1]) hi[$1] = $k }
        END { for (u in lo) if (hi[u] - lo[u] > d) d = hi[u] - lo[u]; print d + 0 }' "$2"
}

# less WHAT A B: A < B.
less()
{
    checks=$((checks + 1))
    awk -v a="$2" -v b="$3" 'BEGIN { exit !(a < b) }' || bad "$1: $2 is not below $3"
}

# Structures that are set aside, and the second chance of one.
group_guards()
{
    cp "$examples/clusters.extxyz" c.xyz
    hot='--steps 60 --timestep 15 --temp 1500 --every 0 --log 0'
    # shellcheck disable=SC2086
    expect 3 md c.xyz $hot --max-temperature 6000 --retry never --out never
    same 'set aside at once' "$(column reason never/results.csv)" 'budget budget budget max_temperature'
    # shellcheck disable=SC2086
    expect 3 md c.xyz $hot --max-temperature 6000 --good-every 5 --out again
    same 'set aside at last' "$(column reason again/results.csv)" 'budget budget budget max_temperature'
    checks=$((checks + 1))
    [ "$(column steps again/results.csv)" != "$(column steps never/results.csv)" ] || bad 'no second attempt'
    says '^  went back  *1  ' again/run.log
    says '"max-temperature": 6000' again/job.json
    says '"retry": "auto"' again/job.json
    says '"good-every": 5' again/job.json
    says '"retry": "never"' never/job.json
    # the others have the bits that they have without any limit
    # shellcheck disable=SC2086
    expect 0 md c.xyz $hot --retry never --out free
    same 'the others' "$(head -4 again/results.csv | cksum)" "$(head -4 free/results.csv | cksum)"
    # a step that is too long is shortened, and then nothing is set aside
    expect 3 relax c.xyz --max-displacement 0.05 --steps 50 --retry never --out far
    says ',quarantined,max_displacement,' far/results.csv
    expect 3 relax c.xyz --max-displacement 0.05 --steps 50 --out near
    same 'set aside' "$(grep -c quarantined near/results.csv)" 0
    expect 3 relax c.xyz --min-distance 100 --out close
    same 'too close' "$(column reason close/results.csv)" 'too_close too_close too_close too_close'
    expect 3 md c.xyz --max-force 1e-9 --steps 3 --out force
    same 'forces' "$(column reason force/results.csv)" 'max_force max_force max_force max_force'
    expect 64 md c.xyz --max-volume-change 0.5 --out no
    expect 64 relax c.xyz --max-force -1 --out no
    expect 64 relax c.xyz --retry twice --out no
    # the same from a job file, and what check says of it
    printf '%s\n' 'input: c.xyz' 'model: emt' 'out: job' 'limits: {max_temperature: 6000, good_every: 5}' 'stages:' \
        '  - {integrator: "nve:timestep=15", steps: 60, velocities: missing, temperature: 1500}' >job.yaml
    expect 3 run job.yaml
    same 'job' "$(sed 's/,nve,/,md,/' job/results.csv | cksum)" "$(cksum <again/results.csv)"
    says '^  max_temperature: 6000$' job/job.yaml
    says '^  retry: auto$' job/job.yaml
    expect 0 check job.yaml --out other
    says 'set aside above 6000 K; once back to a state at most 5 steps old' out
}

group_ensembles()
{
    cp "$examples/bulk.extxyz" b.xyz
    n=$(grep -c Lattice b.xyz)
    # every scheme keeps what it conserves, far better than the energy of the structures
    for scheme in nve langevin nose_hoover csvr npt npt:coupling=aniso npt:coupling=triclinic crescale nph; do
        expect 0 md b.xyz --integrator "$scheme" --temp 200 --timestep 1 --steps 200 --log 20 --every 0 \
            --out "s_$scheme"
        f=s_$scheme/thermo.csv
        same "$scheme: rows" "$(wc -l <"$f")" $((11 * n + 1))
        less "$scheme: conserved" "$(spread 6 "$f")" 0.02
        less "$scheme: the energy moves" 0.1 "$(spread 4 "$f")"
    done
    less 'constant volume' "$(spread 15 s_csvr/thermo.csv)" 1e-9
    less 'the cell moves' 1e-3 "$(spread 15 s_npt/thermo.csv)"
    # one scheme of each ensemble has its name
    for ensemble in nve nvt npt nph; do
        expect 0 md b.xyz --ensemble $ensemble --steps 20 --log 0 --every 0 --out "e_$ensemble"
        [ ! -e "e_$ensemble/thermo.csv" ] || bad 'a log that was not asked for'
    done
    says '"integrator": "langevin:' e_nvt/job.json
    says '"integrator": "npt:' e_npt/job.json
    says '"integrator": "nph:' e_nph/job.json
    expect 0 md b.xyz --ensemble nvt --integrator nose_hoover:chain=5,tau_t=50 --tau-t 70 --steps 5 --out given
    says 'nose_hoover:.*tau_t=50,chain=5' given/job.json
    expect 0 md b.xyz --integrator crescale:thermostat=langevin --friction 0.02 --tau-p 400 --pressure 2 \
        --coupling triclinic --steps 5 --out crescale
    says 'friction=0.02,tau_t=100,pressure=2,.*tau_p=400,.*thermostat=langevin,coupling=triclinic' crescale/job.json
    # ramps begin with the temperature of the velocities
    expect 0 md b.xyz --ensemble npt --ramp temp=100:400,pressure=0:3 --steps 50 --log 50 --out ramp
    says 'temperature=100,temperature_change=300,.*pressure=0,pressure_change=3,.*ramp=50' ramp/job.json
    same 'temperature at the start' "$(awk -F, '$2 == 0 && $7 > 0 { printf "%.6f ", $7 }' ramp/thermo.csv | tr ' ' '\n' |
        sort -u | tr -d '\n')" 100.000000
    # positions
    for how in unwrapped wrapped both; do
        expect 0 md b.xyz --temp 3000 --steps 400 --every 400 --log 0 --positions $how --out "p_$how"
    done
    says 'pos:R:3:unwrapped:R:3:' p_both/traj.extxyz
    same 'unwrapped' "$(awk '!/=/ && NF > 5 { print $5, $6, $7 }' p_both/traj.extxyz | cksum)" \
        "$(awk '!/=/ && NF > 5 { print $2, $3, $4 }' p_unwrapped/traj.extxyz | cksum)"
    same 'wrapped' "$(awk '!/=/ && NF > 5 { print $2, $3, $4 }' p_both/traj.extxyz | cksum)" \
        "$(awk '!/=/ && NF > 5 { print $2, $3, $4 }' p_wrapped/traj.extxyz | cksum)"
    checks=$((checks + 1))
    cmp -s p_wrapped/traj.extxyz p_unwrapped/traj.extxyz && bad 'no atom has left its cell'
    # molecules have no pressure: each ends alone, and says why
    cp "$examples/clusters.extxyz" c.xyz
    expect 3 md c.xyz b.xyz --ensemble npt --steps 5 --every 0 --out mixed
    same 'without a cell' "$(grep -c bad_input mixed/results.csv)" "$(grep -c pbc c.xyz)"
    for wrong in '--ensemble nvt --integrator npt' '--integrator fire' '--integrator nosuch' '--friction 1' \
        '--pressure 1' '--ensemble nvt --tau-p 3' '--ramp temp=3' '--ramp temp=1:x' '--ramp volume=1:2' \
        '--ensemble nvt --ramp pressure=1:2' '--ramp temp=1:2' '--integrator langevin:friction=-1' \
        '--ensemble npt --coupling cubic' '--ensemble npt --pressure high'; do
        # shellcheck disable=SC2086
        expect 64 md b.xyz $wrong --out wrong
    done
}

group_cells()
{
    cp "$examples/bulk.extxyz" b.xyz
    cp "$examples/clusters.extxyz" c.xyz
    for optimizer in fire fire2 lbfgs; do
        expect 0 relax b.xyz c.xyz --optimizer $optimizer --fmax 0.005 --steps 3000 --out "none_$optimizer"
        expect 0 relax b.xyz c.xyz --optimizer $optimizer --cell full --fmax 0.005 --smax 0.02 --steps 3000 \
            --out "full_$optimizer"
        same "$optimizer: all converge" "$(column reason "full_$optimizer/results.csv" | tr ' ' '\n' | sort -u)" converged
        # stresses in results.csv are GPa; structures without a full cell have none
        same "$optimizer: stresses" "$(awk -F, 'NR > 1 && $12 != "" && $12 > 0.0201 { n++ } END { print n + 0 }' \
            "full_$optimizer/results.csv")" 0
        # a cell that relaxes never ends higher
        same "$optimizer: energies" "$(paste -d, "none_$optimizer/results.csv" "full_$optimizer/results.csv" |
            awk -F, 'NR > 1 && $22 > $10 + 1e-4 { n++ } END { print n + 0 }')" 0
    done
    # the three agree, and so do they under pressure
    for how in 'full' 'full --pressure 5' 'iso --pressure 5' 'shape'; do
        name=$(echo "$how" | tr -d ' -')
        for optimizer in fire2 lbfgs; do
            # shellcheck disable=SC2086
            expect 0 relax b.xyz --optimizer $optimizer --cell $how --fmax 0.001 --smax 0.005 --steps 5000 \
                --out "at_${name}_$optimizer"
        done
        same "$how: energies agree" "$(paste -d, "at_${name}_fire2/results.csv" "at_${name}_lbfgs/results.csv" |
            awk -F, 'NR > 1 { d = $10 - $22; if (d < 0) d = -d; if (d / $5 > 1e-4) n++ } END { print n + 0 }')" 0
    done
    says '"integrator": "lbfgs:.*cell=full,.*pressure=5,' at_fullpressure5_lbfgs/job.json
    expect 0 relax b.xyz --optimizer lbfgs:memory=4,cell=iso --steps 500 --out own
    says 'memory=4,.*cell=iso' own/job.json
    for wrong in '--optimizer nosuch' '--optimizer langevin' '--pressure 3' '--cell cubic' \
        '--optimizer fire:max_step=-1' '--cell full --pressure high'; do
        # shellcheck disable=SC2086
        expect 64 relax b.xyz $wrong --out wrong
    done
}

group_static()
{
    expect 0 static "$examples"/*.extxyz
    same 'rows' "$(wc -l <out)" 17
    same 'head' "$(head -1 out)" \
        "$(printf 'structure\tatoms\tenergy[eV]\tfmax[eV/A]\tpressure[GPa]\tstate')"
    same 'order' "$(sed 1d out | cut -f1 | tr '\n' ' ')" \
        "$(cat "$examples"/*.extxyz >all; names all) "
    same 'no pressure without three periodic directions' "$(awk -F'\t' '$5 == "-"' out | wc -l)" 7
    says 'finished  *16' err
    expect 0 static "$examples"/*.extxyz --out s
    same 'structures' "$(grep -c 'reason=budget steps=0' s/final.extxyz)" 16
    same 'positions are as they were' \
        "$(grep -v -E '=|^[0-9]' s/final.extxyz | awk '{ printf "%s %.6f %.6f %.6f\n", $1, $2, $3, $4 }' | cksum)" \
        "$(cat all | grep -v -E '=|^[0-9]' | awk '{ printf "%s %.6f %.6f %.6f\n", $1, $2, $3, $4 }' | cksum)"
    says 'max_stress' s/results.csv
    cp "$here/bad.xyz" .
    expect 3 static bad.xyz
    says "$(printf '^bad.xyz@2\t')" out
}

group_info()
{
    expect 0 info
    says '^athanor [0-9.]* (ABI [0-9]*)$' out
    says '^  emt ' out
    says '^  fire ' out
    says '^  host ' out
    expect 0 info --models
    says '^  lj ' out
    says '^    sigma=' out
    expect 0 info --integrators
    says '^    timestep=' out
    expect 0 info --devices
    says '^  mock ' out
    expect 0 info "$examples"/*.extxyz
    says '^structures   16$' out
    says '9 in 3 directions, 3 in 2, 0 in 1, 4 in none' out
    expect 3 info "$here/bad.xyz"
    says '^structures   5 and 1 that cannot be read' out
    expect 65 info "$here/bad.xyz" --strict
    expect 66 info no.xyz
}

# verdict TEST FILE: the verdict of a test in the table.
verdict()
{
    grep "^$1 " "$2" | grep -o -E ' (FAIL|pass|skipped|not applicable) ' | tr -d ' '
}

# The physics self-test: right models pass, a field and a plain cutoff fail where they should.
group_validate()
{
    expect 64 validate
    says 'no input' err
    expect 64 validate "$examples/bulk.extxyz" --skip forces,heat
    says "no test 'heat': forces, stress" err
    expect 64 validate "$examples/bulk.extxyz" --steps 100
    expect 65 validate "$examples/bulk.extxyz" --model nonsense
    expect 66 validate no.xyz
    : >empty.xyz
    expect 65 validate empty.xyz
    expect 0 validate "$examples"/*.extxyz --out v
    says '^verdict: passed$' out
    same 'tests' "$(grep -c ' pass ' out)" 14
    same 'rows' "$(wc -l <v/validate.csv)" $((16 * 15 + 1))
    same 'no constant pressure unless asked for' "$(verdict volume out)" skipped
    same 'columns' "$(awk -F, '{ print NF }' v/validate.csv | sort -u)" 12
    same 'no stress without three periodic directions' \
        "$(grep -c ',stress,not applicable,,,,' v/validate.csv)" 7
    same 'files' "$(ls v | tr '\n' ' ')" \
        'energy_drift.svg job.json run.log temperature.svg validate.csv '
    says '"temp": 300' v/job.json
    says '^verdict: passed$' v/run.log
    for plot in energy_drift temperature; do
        same "$plot is whole" "$(tail -1 v/$plot.svg)" '</svg>'
        python3 -c 'import sys, xml.dom.minidom as d; d.parse(sys.argv[1])' v/$plot.svg ||
            bad "$plot.svg is no XML"
    done
    expect 73 validate "$examples/clusters.extxyz" --out v
    # the same every time, whatever the threads; another seed measures something else
    expect 0 validate "$examples"/*.extxyz --out v --overwrite --threads 1
    mv v/validate.csv one.csv
    expect 0 validate "$examples"/*.extxyz --out v --overwrite --threads 3
    same 'threads' "$(cksum <v/validate.csv)" "$(cksum <one.csv)"
    expect 0 validate "$examples"/*.extxyz --out v --overwrite --seed 5
    [ "$(cksum <v/validate.csv)" != "$(cksum <one.csv)" ] || bad 'the seed changes nothing'
    expect 1 validate "$examples"/*.extxyz --model harmonic
    says '^verdict: FAILED: translation, images, net_force$' out
    expect 0 validate "$examples"/*.extxyz --model harmonic --skip translation,images,net_force
    same 'skipped' "$(verdict images out)" skipped
    printf '4\nProperties=species:S:1:pos:R:3\nAr 0 0 0\nAr 3.8 0 0\nAr 0 3.8 0.1\nAr 0.2 0 3.8\n' >ar.xyz
    expect 1 validate ar.xyz --model lj:cutoff=3.8 --temp 20
    same 'energy with a plain cutoff' "$(verdict nve_order out)" FAIL
    same 'a plain cutoff is reversible' "$(verdict reversal out)" pass
    expect 0 validate ar.xyz --model lj:scheme=switch --temp 20
    expect 0 validate ar.xyz --model lj:scheme=switch,precision=mixed --temp 20
    expect 0 validate ar.xyz --model lj:scheme=switch --temp 20 --device mock
    # what cannot be tested is left out, and said
    cp "$here/bad.xyz" .
    expect 65 validate bad.xyz --strict
    expect 3 validate bad.xyz@0:3 "$examples/clusters.extxyz" --max-systems 3
    says 'is left out' err
    says 'only the first 3 structures' err
    expect 1 validate bad.xyz@3 # two atoms in one place
    says 'nve_drift .* FAIL .* same: ' out
    expect 65 validate "$examples"/*.extxyz --max-atoms 0 --model sw
    says 'every structure of the input was left out' err
}

# Volumes at two pressures: long runs of one structure, so a group of its own.
group_volumes()
{
    # volumes of one structure of three: it has plots, the others have none to be made of
    expect 0 validate "$examples/bulk.extxyz@7" "$examples/clusters.extxyz@0:2" --volume 30000 --skip batch --out w
    same 'volumes' "$(verdict volume out)" pass
    same 'where there are volumes' "$(grep -c ',volume,not applicable,,,,' w/validate.csv)" 2
    same 'plots of volumes' "$(ls w | grep volume | tr '\n' ' ')" 'volume.svg volume_ratio.svg '
    for plot in volume volume_ratio energy_drift; do
        python3 -c 'import sys, xml.dom.minidom as d; d.parse(sys.argv[1])' w/$plot.svg ||
            bad "$plot.svg is no XML"
    done
    expect 0 validate "$examples/bulk.extxyz@7" --skip batch --out w --overwrite
    [ ! -e w/volume.svg ] || bad 'plots of an earlier validation are left'
    expect 64 validate "$examples/bulk.extxyz" --volume -1
}

# Neural potentials of the reference data: a path is a model; PbTe against the density-functional frames it was
# trained on; a hundred alloys of sixteen metals are all accounted for.
group_nep()
{
    nep=$reference/nep
    if [ ! -f "$nep/models/PbTe_nep4.txt" ]; then
        echo "SKIPPED: no reference potentials in $reference"
        exit 77
    fi
    expect 0 static "$nep/dft/PbTe_train_25x250_DFT.xyz" --model "$nep/models/PbTe_nep4.txt" --out dft
    # per frame: error of the energy in meV/atom, root of the mean square error of the forces in eV/angstrom
    awk 'FNR == 1 { file++ }
         NF == 1 { n[file]++; rows = $1; k = 0; next }
         /energy=/ { match($0, /energy=[-0-9.]+/); e[file, n[file]] = substr($0, RSTART + 7, RLENGTH - 7); next }
         { k++; for (c = 1; c <= 3; c++) f[file, n[file], k, c] = $(4 + c) }
         END { for (i = 1; i <= n[1]; i++) {
                   s = 0
                   for (k = 1; k <= rows; k++)
                       for (c = 1; c <= 3; c++) { d = f[1, i, k, c] - f[2, i, k, c]; s += d * d }
                   printf "%d %.2f %.4f\n", i - 1, 1000 * (e[2, i] - e[1, i]) / rows, sqrt(s / (3 * rows)) } }' \
        "$nep/dft/PbTe_train_25x250_DFT.xyz" dft/final.extxyz >errors
    same 'frames' "$(wc -l <errors)" 25
    same 'frames 0 and 7' "$(awk '$1 == 0 || $1 == 7 { printf "%.1f %.3f ", $2, $3 }' errors)" '1.3 0.051 -0.1 0.030 '
    same 'all frames within 3 meV/atom and 0.1 eV/angstrom' \
        "$(awk '$2 > 3 || $2 < -3 || $3 > 0.1 { print }' errors)" ''
    expect 3 relax "$reference/structures/alloys_1000.extxyz@0:100" "$here/bad.xyz@2" --fmax 0.02 --steps 500 \
        --model "$nep/models/UNEP-v1-Song2024.txt" --out alloys
    same 'structures' "$(($(wc -l <alloys/results.csv) - 1))" 101
    same 'states' "$(column state alloys/results.csv | tr ' ' '\n' | grep -c -v -E 'finished|step_limit|rejected')" 0
    expect 65 relax "$examples/bulk.extxyz" --model "$examples/bulk.extxyz" --out d
    says 'not the first line of a model' err
    expect 65 relax "$examples/bulk.extxyz" --model /no/such/model.txt --out d
    head -100 "$nep/models/PbTe_nep4.txt" >cut.txt
    expect 65 relax "$examples/bulk.extxyz" --model cut.txt --out d
    says 'cut.txt:10[01]' err
    expect 65 relax "$examples/bulk.extxyz" --model . --out d
    says "model '.' is a directory" err
    : >nothing.txt
    expect 65 relax "$examples/bulk.extxyz" --model ./nothing.txt --out d
}

# What ASE reads from the outputs, against ASE's own potential.
group_ase()
{
    python=
    for candidate in python3 /usr/bin/python3; do
        "$candidate" -c 'import ase.calculators.emt' 2>/dev/null && python=$candidate && break
    done
    if [ -z "$python" ]; then
        echo "SKIPPED: ASE is not installed (python3-ase)"
        exit 77
    fi
    expect 0 relax "$examples"/*.extxyz --fmax 0.02 --out relax
    expect 0 md "$examples"/*.extxyz --steps 100 --every 10 --temp 300 --out md
    expect 0 static "$examples"/*.extxyz --out static
    "$python" "$here/ase_check.py" "$examples" relax md static || bad 'ASE does not agree'
    checks=$((checks + 1))
}

# shellcheck disable=SC1091
. "$here/job_groups.sh"

"group_$group"
echo "$group: $checks checks, $faults failed"
[ "$checks" -gt 0 ] && [ "$faults" -eq 0 ]
