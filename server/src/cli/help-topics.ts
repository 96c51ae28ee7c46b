/** What `walt help show TOPIC` prints. */
import { nodeSettingTable } from '@walt/shared/node-settings'
import { logTopic, monitoringTopic } from './help-monitoring.ts'

export type HelpTopic = { title: string; text: () => string }

const shells = `SHELLS

  walt node shell NODE              a root shell on the node
  walt node shell NODE -- COMMAND   runs one command there and exits with its status

The command waits until the node is booted, then opens ssh with the server's key. It does
not check the node's host key: the image brings that key along, and tomorrow another image
may answer on the same address.

What is kept, and what is not

A node runs on the union of two layers: its image, which is a read-only network share, and
a writable layer in RAM. The writable layer is empty when the node starts. Files that you
create, change or delete on the node, with a shell or otherwise, are changed in that layer
only, and a reboot throws it away: the node starts from what its image contains, unchanged.
This is on purpose. Reboot a node N times, and each of the N runs starts from the same files.

Only /persist outlives a reboot. It is a folder of the node's own on the server, mounted over
NFS; put results and large files there. (With the setting mount.persist=false there is none.)

To change the system for good, do not work on the node: change the image, and boot it.

How much fits

Without swap, the writable layer may take half of the node's RAM: about 229M on a node of
512M. Beyond that, writing ends in "No space left on device". With swap over the network
(the setting swap, 16G unless you say otherwise) it may take 8G, and what RAM cannot hold
goes to a temporary file on the server; the node compresses it on the way where its kernel
has zswap. With a small swap it is half of RAM and swap together. The swap of a boot is deleted
when the boot is over. "df -h /" on the node shows the size and use of the layer; a virtual node
can also be given more memory:

  walt node config NODE ram=1G

At 80 and at 95 percent of the layer, of its inodes, of swap and of all memory, and when
programs wait for memory most of the time, the node warns, with the largest files and
processes: on its console, in "walt node logs NODE" and in "walt node show NODE".

Other ways in

  walt node console NODE            what a virtual node wrote on its console
  TCP port 12346 of the node        REBOOT, PING, DMESG, BLINK, SHELL; from the server only,
                                    unless walt.control.allow= names more addresses`

const bootModes = `BOOT MODES

Network mode

Nodes boot in network mode: nothing is read from or written to a disk of the node. The
kernel mounts the image as a read-only NFS root, and walt-agent, as the first process, puts
a writable layer in RAM on top (an overlay named "union"), mounts /persist, attaches swap
over the network, switches zswap on where the kernel has it, and hands over to the image's
own init. What is optional and fails (no swap server, no export for /persist) is reported,
and the boot goes on without it. "walt node show NODE" prints the boot's steps with their
times, and its problems.

Each boot starts from exactly the files of the image. See "walt help show shells" for
what is kept across reboots, and "walt help show node-reboot" for how a node reboots.

Giving a node another image moves a symbolic link on the server and reboots the node; no
image is copied. The node fetches the files it needs while it runs:

  walt node boot NODES IMAGE

Hybrid modes

A node with a local disk can keep a copy of its image there and run from that. It boots over
the network all the same, but then looks at each ext4 partition of its disks for a folder
"walt_hybrid" at its root. Without one nothing is written to a disk, and the node boots in
network mode. The first partition that has one makes the mode

  hybrid-volatile     what changed on the node is gone at its next boot, as in network mode
  hybrid-persistent   what changed is kept; made so by a file walt_hybrid/.persistent

The image is copied once, to walt_hybrid/IMAGE/image, and again when it has changed on the
server, or when the node boots another one. That takes minutes; "walt node show NODE" says
that it is under way, and boot.timeout counts anew while it gets on. A copy that was cut off
is begun anew. What the node changes is in walt_hybrid/IMAGE/diff, kept for each state of an
image by itself: a changed image begins without changes. To make room, the images booted
longest ago are removed, with what was changed on them, also in persistent mode.

/persist and swap are as in network mode. /local is a folder of the disk (walt_hybrid/local),
kept in both modes, whatever the image; an image that has a /local of its own keeps that.
Once it is booted the node needs the network for /persist and swap only.

When in doubt the node boots in network mode, and says why in "walt node show NODE": no room,
errors on the disk (run e2fsck), a copy that gets no further for 60 s.

A virtual node gets such a disk by its settings:

  walt node config NODE disks=8G[template=hybrid-boot-v]     volatile
  walt node config NODE disks=8G[template=hybrid-boot-p]     persistent

Other templates are "ext4" (an empty partition) and "none". Disks are files in the node's
folder on the server that take what is written to them only. A disk that is given another
size or template is made anew, and what was on it is lost; so it is when the node is removed.`

const nodeReboot = `REBOOTING NODES

  walt node reboot NODES [--hard] [--if-changed] [--userspace]

A soft reboot is tried first: REBOOT is sent to TCP port 12346 of each node, to all nodes at
once. A node that does not acknowledge is hard-rebooted, if that is possible; if not, the
command says why for each node, and exits with status 1. --hard skips the soft reboot, for
instance for a device of the node that only a power cycle brings back.

Soft reboot, network mode

The OS's services are not shut down. What they changed lives in RAM and is discarded anyway;
only /persist is flushed. The node acknowledges, the acknowledgement is delivered, and then
the kernel restarts the machine at once.

An image may bring its own procedure, as an executable file /bin/walt-network-reboot
(/bin/walt-reboot, the older name, works too). Images that this server builds have one for
kexec, which spares a machine the long way through its firmware: it asks the server what the
node is to boot now, and starts that kernel. A procedure has 60 s. If it fails, or the machine
still runs 30 s after it, the node restarts as it would without it. If the file is there but
not executable, the node refuses to reboot and says so.

Virtual nodes never use such a file. Their reboot ends the virtual machine and starts a new
one, which is quick, and which is what makes changed settings (memory, processors) count.

With the setting kexec.allow=false a node's procedure is told not to use kexec.

Soft reboot, hybrid modes

The OS's own "reboot" is called, which shuts services down properly and takes a little
longer; /bin/walt-hybrid-reboot of the image is called instead if it is there, under the
same conditions as above. If the machine still runs 30 s later, the reboot is forced.

Hard reboot

A virtual node is hard-rebooted by killing its virtual machine: always possible. A physical
node is switched off and on, by the first of these that is set for it:

  power.command   a shell command of yours, run as root on the server
  ipmi.address    its management controller, with ipmi.user and ipmi.password
  poe.port        SWITCH/PORT: the port that feeds it goes off for two seconds. The switch is
                  one of "walt device", and its setting poe.reboots is true: whoever else
                  hangs on that switch has agreed.

Only where it would change something

With --if-changed a node is rebooted only if another image waits for it, if its image was
built anew, if it has new settings that need a boot, or if files were changed on it since it
was booted. "walt node changes NODE" lists those, largest first. What the system itself
writes in places such as /var/log does not count, nor does a directory by itself.

User space alone

  walt node reboot NODES --userspace

The node drops its writable layer and starts its system anew on an empty one, without
restarting the kernel: seconds, where a machine with slow firmware takes minutes. The files
are again exactly those of the image; /persist is kept, and so is the swap. Each process is
ended, and services are stopped in order, as far as they let themselves be stopped.

It is not a reboot of the machine. What the kernel holds stays as it is: loaded modules,
sysctl settings, network addresses and routes, firewall rules, devices and their state, the
boot parameters. So do the files in /run and /dev/shm. A new image or new settings of the node
need a whole reboot; with another image waiting for it, the node is not touched.

It needs boot mode network, and systemd 254 or later in the image: Debian 13 has it, Debian 12
has not. Where it is not possible the command says why, and nothing else is tried. A node
that agreed and then cannot do it restarts as a whole; one that is not back within
boot.timeout is treated as after any reboot.

The boot id stays the same. "walt node show NODE" has "userspace reboot" in the node's history,
and counts the restarts.

A node that does not come back

A node that is not booted within boot.timeout seconds (180) is hard-rebooted where that is
possible, boot.retries times (9) at most; then it counts as lost.

A node whose image does not answer

A node needs the NFS server for every file that it has not read yet. Without an answer of it
the node is "degraded": what needs a file waits, and nothing is lost; port 12346, MQTT and
"walt node show" go on. When the server answers again, the node is as it was. If the server is
gone for 300 s the node reboots, and boots as soon as it is back. The setting root.lost says
otherwise: wait, or reboot:SECONDS. A server that takes connections but does not answer is
slow, not gone, and is waited for. If the image itself was removed or replaced on the server
("stale file handle"), the node reboots at once.

Over MQTT

The same reboot can be asked for by a message to the server's broker; see README.md. A
command names the boot that it is meant for, and after a restart of user space which one of them
(userSpace, as the node's state has it), so that one that was late never hits a later one.`

function nodeSettings(): string {
  const width = Math.max(...Object.keys(nodeSettingTable).map((name) => name.length))
  const lines = Object.entries(nodeSettingTable).map(([name, setting]) => {
    const value = setting.default === '' ? 'empty' : setting.default
    return `  ${name.padEnd(width)}  ${setting.help} (${value}${'only' in setting ? `; ${setting.only} nodes only` : ''})`
  })
  return `NODE SETTINGS

  walt node config NODES                    shows the settings
  walt node config NODES NAME=VALUE ...     changes some; they count from the next boot on

${lines.join('\n')}`
}

export const helpTopics: Record<string, HelpTopic> = {
  shells: { title: 'what a shell on a node can change, and what a reboot keeps', text: () => shells },
  'boot-modes': { title: 'how nodes boot', text: () => bootModes },
  'node-reboot': { title: 'what happens when a node reboots', text: () => nodeReboot },
  'node-settings': { title: 'the settings of a node', text: nodeSettings },
  log: { title: 'what nodes, their programs and the platform say', text: () => logTopic },
  monitoring: { title: 'top, events, alerts, history, Prometheus', text: () => monitoringTopic },
}
