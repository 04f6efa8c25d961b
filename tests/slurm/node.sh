#!/usr/bin/env bash
# A Slurm of one node on this machine, for tests: node.sh start FOLDER | node.sh stop FOLDER. Everything it writes is in the
# folder. Needs slurmctld, slurmd, munged and their clients, and root. It stops only what it started.
set -euo pipefail
action=$1 folder=$2
export SLURM_CONF=$folder/slurm.conf
case $action in
start)
    host=$(hostname -s)
    mkdir -p "$folder"/{spool,state,munge}
    chmod 755 "$folder"; chmod 700 "$folder/munge"
    head -c 1024 /dev/urandom > "$folder/munge/key"; chmod 400 "$folder/munge/key"
    munged --foreground --force --key-file="$folder/munge/key" --socket="$folder/munge/socket" \
        --pid-file="$folder/munge/pid" --seed-file="$folder/munge/seed" --log-file="$folder/munge/log" &
    echo $! > "$folder/munged.pid"
    cat > "$SLURM_CONF" <<EOF
ClusterName=lensor
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
SlurmdUser=root
SlurmctldPort=$((20000 + RANDOM % 20000))
SlurmdPort=$((40000 + RANDOM % 20000))
AuthType=auth/munge
AuthInfo=socket=$folder/munge/socket
CredType=cred/munge
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmctldParameters=enable_configless
JobCompType=jobcomp/none
ReturnToService=2
MpiDefault=none
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc) State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
EOF
    for _ in $(seq 100); do [ -S "$folder/munge/socket" ] && break; sleep 0.1; done
    slurmctld -D & echo $! > "$folder/slurmctld.pid.own"
    slurmd -D -N "$host" & echo $! > "$folder/slurmd.pid.own"
    for _ in $(seq 300); do
        [ "$(sinfo --noheader --format=%t 2>/dev/null)" = idle ] && exit 0
        sleep 0.1
    done
    echo "the node did not come up: $(tail -3 "$folder"/slurmctld.log "$folder"/slurmd.log)" >&2
    exit 1
    ;;
stop)
    for pid in slurmd.pid.own slurmctld.pid.own munged.pid; do
        [ -f "$folder/$pid" ] && kill "$(cat "$folder/$pid")" 2>/dev/null || true
    done
    ;;
esac
