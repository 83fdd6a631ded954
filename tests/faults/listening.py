"""Which TCP sockets the processes of a run listen on; Linux tells it in /proc."""

import ipaddress
import re
import time
from contextlib import suppress
from pathlib import Path

LISTENS = "0A"


def address(hexadecimal):
    """That of a line of /proc/net/tcp or tcp6: words of 32 bits, each in the machine's order."""
    raw = bytes.fromhex(hexadecimal)
    words = b"".join(raw[n : n + 4][::-1] for n in range(0, len(raw), 4))
    found = ipaddress.ip_address(words)
    return getattr(found, "ipv4_mapped", None) or found


def sockets():
    """Addresses and ports that somebody listens on, by inode."""
    found = {}
    for kind in ("tcp", "tcp6"):
        table = Path("/proc/net", kind)
        for line in table.read_text().splitlines()[1:] if table.exists() else ():
            words = line.split()
            if words[3] == LISTENS:
                where, _, port = words[1].partition(":")
                found[words[9]] = address(where), int(port, 16)
    return found


def family():
    """The parent of each process."""
    parents = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it ended
            # The second word is a name in parentheses, of any letters.
            after = status.read_text().rpartition(")")[2].split()
            parents[int(status.parent.name)] = int(after[1])
    return parents


def descendants(first):
    """A process and all that it started."""
    parents, found = family(), {first}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def inode(opened):
    """Of the socket that an entry of /proc/PID/fd is; empty for another file, or one closed."""
    with suppress(OSError):
        found = re.fullmatch(r"socket:\[(\d+)\]", str(opened.readlink()))
        return found[1] if found else ""
    return ""


def of_processes(first):
    """(name, address, port) of each socket that a process or one of its descendants listens on."""
    listening, found = sockets(), set()
    for pid in descendants(first):
        with suppress(OSError):  # it ended
            process = Path("/proc", str(pid))
            name = (process / "comm").read_text().strip()
            inodes = set(map(inode, (process / "fd").iterdir())) & listening.keys()
            found |= {(name, *listening[one]) for one in inodes}
    return found


def while_running(process, seconds=0.5):
    """All of them from now to the end of a process."""
    found = set()
    while process.poll() is None:
        found |= of_processes(process.pid)
        time.sleep(seconds)
    return found
