#!/bin/bash
# dracut module: an initramfs that boots a node from NFS, with the same modules as initramfs-tools.

check() { return 0; }

depends() { echo nfs network; }

installkernel() {
    local names
    names=$(sed '/^#/d' "$moddir/modules")
    # shellcheck disable=SC2086 # one name a word
    hostonly='' instmods $names
}
