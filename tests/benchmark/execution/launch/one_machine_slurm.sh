#!/usr/bin/env bash
# A Slurm of this one machine for the tests marked `slurm`. As root: one_machine_slurm.sh start | stop
# It needs Debian's slurm-wlm and munge (apt-get install slurm-wlm munge), keeps all it writes in
# ONE_MACHINE_SLURM (default /tmp/one-machine-slurm), and prints the SLURM_CONF that its commands need.
# Two partitions: a job of `urgent` preempts one of `usual`, which goes to the queue again.
set -euo pipefail
home=${ONE_MACHINE_SLURM:-/tmp/one-machine-slurm}
export SLURM_CONF=$home/slurm.conf

stop() {
    local name
    for name in slurmctld slurmd munged; do
        if [ -f "$home/$name.pid" ]; then kill "$(cat "$home/$name.pid")" 2>/dev/null || true; fi
    done
}

start() {
    [ "$(id -u)" = 0 ] || { echo "one_machine_slurm.sh: slurmd needs root" >&2; exit 1; }
    command -v slurmctld slurmd munged >/dev/null || { echo "one_machine_slurm.sh: apt-get install slurm-wlm munge" >&2; exit 1; }
    local node cores memory
    node=$(hostname -s) cores=${ONE_MACHINE_CORES:-$(nproc)}
    memory=$(awk '/MemTotal/ {print int($2 / 1024 * 0.9)}' /proc/meminfo)
    mkdir -p "$home"/{state,spool}
    chmod 755 "$home"
    [ -f "$home/munge.key" ] || (umask 077 && head -c 1024 /dev/urandom >"$home/munge.key")
    cat >"$SLURM_CONF" <<CONF
ClusterName=onemachine
SlurmctldHost=$node(127.0.0.1)
SlurmUser=root
SlurmctldPort=${ONE_MACHINE_PORT:-16817}
SlurmdPort=$((${ONE_MACHINE_PORT:-16817} + 1))
AuthType=auth/munge
AuthInfo=socket=$home/munge.socket,cred_expire=5
CryptoType=crypto/munge
StateSaveLocation=$home/state
SlurmdSpoolDir=$home/spool
SlurmctldPidFile=$home/slurmctld.pid
SlurmdPidFile=$home/slurmd.pid
SlurmctldLogFile=$home/slurmctld.log
SlurmdLogFile=$home/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
JobRequeue=0
KillWait=2
MinJobAge=10
SchedulerParameters=sched_interval=2,bf_interval=2,batch_sched_delay=0
ReturnToService=2
MailProg=/bin/true
NodeName=$node NodeAddr=127.0.0.1 CPUs=$cores RealMemory=$memory State=UNKNOWN
PartitionName=usual Nodes=$node Default=YES MaxTime=INFINITE State=UP PriorityTier=1 PreemptMode=REQUEUE GraceTime=0
PartitionName=urgent Nodes=$node MaxTime=INFINITE State=UP PriorityTier=10 PreemptMode=OFF
CONF
    munged --force --key-file="$home/munge.key" --socket="$home/munge.socket" \
        --pid-file="$home/munged.pid" --log-file="$home/munged.log" --seed-file="$home/munged.seed"
    slurmctld
    slurmd -N "$node"
    for _ in $(seq 60); do
        if sinfo --noheader --format=%t 2>/dev/null | grep -q idle; then
            echo "export SLURM_CONF=$SLURM_CONF"
            return
        fi
        sleep 0.5
    done
    tail -n 5 "$home"/*.log >&2
    exit 1
}

case ${1:-} in
    start) stop && sleep 1 && start ;;
    stop) stop ;;
    *) echo "one_machine_slurm.sh start | stop" >&2; exit 2 ;;
esac
