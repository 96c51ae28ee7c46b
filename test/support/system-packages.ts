/** Debian packages that tests and demo drive, each known by a file it brings. */
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline/promises'
import { runProgram } from './run-program.ts'

/** What nodes need, and the demo with them. */
const nodePackages: Record<string, string> = {
  binutils: '/usr/bin/strip',
  'busybox-static': '/usr/share/doc/busybox-static',
  'debian-archive-keyring': '/usr/share/keyrings/debian-archive-keyring.gpg',
  e2fsprogs: '/sbin/mkfs.ext4',
  iproute2: '/sbin/ip',
  kmod: '/sbin/modprobe',
  mmdebstrap: '/usr/bin/mmdebstrap',
  'mosquitto-clients': '/usr/bin/mosquitto_pub',
  'nfs-ganesha': '/usr/bin/ganesha.nfsd',
  'nfs-ganesha-vfs': '/usr/lib/x86_64-linux-gnu/ganesha/libfsalvfs.so',
  'openssh-client': '/usr/bin/ssh',
  'qemu-system-x86': '/usr/bin/qemu-system-x86_64',
  rpcbind: '/sbin/rpcbind',
  'user-mode-linux': '/usr/bin/linux.uml',
  'util-linux': '/usr/bin/unshare',
}

/** What some tests drive besides. */
const testPackages: Record<string, string> = {
  chromium: '/usr/bin/chromium',
  fio: '/usr/bin/fio',
  ipmitool: '/usr/bin/ipmitool',
  'libnbd-bin': '/usr/bin/nbdcopy',
  'nbd-client': '/usr/sbin/nbd-client',
  openipmi: '/usr/bin/ipmi_sim',
  postgresql: '/usr/share/doc/postgresql',
  prometheus: '/usr/bin/promtool',
  'python3-libnbd': '/usr/lib/python3/dist-packages/nbd.py',
  'qemu-utils': '/usr/bin/qemu-img',
  snmpd: '/usr/sbin/snmpd',
}

export function missingPackages(purpose: 'demo' | 'tests'): string[] {
  const packages = purpose === 'demo' ? nodePackages : { ...nodePackages, ...testPackages }
  return Object.entries(packages)
    .filter(([, file]) => !existsSync(file))
    .map(([name]) => name)
}

export function installCommand(names: readonly string[]): string {
  return `apt-get update && apt-get install --no-install-recommends -y ${names.join(' ')}`
}

/**
 * The command, with no service of a package started by it: tests start what they need themselves, and a server that runs
 * beside them would have its ports. Where the machine has a policy of its own (invoke-rc.d(8)), that one stands.
 */
function withoutServices(command: string): string {
  const policy = '/usr/sbin/policy-rc.d'
  const deny = `printf '#!/bin/sh\\nexit 101\\n' > ${policy}; chmod 755 ${policy}; trap 'rm -f ${policy}' EXIT`
  return `if [ ! -e ${policy} ]; then ${deny}; fi; ${command}`
}

/**
 * Installs what is missing: at once for root in CI, for root on a terminal when the user agrees.
 * @returns what is missing still
 */
export async function ensurePackages(
  purpose: 'demo' | 'tests',
  say: (line: string) => void,
): Promise<string[]> {
  const missing = missingPackages(purpose)
  if (missing.length === 0) return []
  const command = installCommand(missing)
  const root = process.getuid?.() === 0
  say(`These Debian packages are missing: ${missing.join(', ')}.`)
  if (!root || !(process.env.CI || (await agrees(`Install them now (${command})? [Y/n] `)))) {
    say(`Install them with: ${root ? '' : 'sudo sh -c '}"${command}"`)
    return missing
  }
  const result = await runProgram('sh', ['-c', withoutServices(command)], {
    env: { DEBIAN_FRONTEND: 'noninteractive' },
    onOutput: (text) => process.stderr.write(text),
  })
  if (result.status !== 0) say(`"${command}" ended with status ${result.status}.`)
  return missingPackages(purpose)
}

async function agrees(question: string): Promise<boolean> {
  if (!process.stdin.isTTY) return false
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return /^(y|yes|)$/i.test((await terminal.question(question)).trim())
  } finally {
    terminal.close()
  }
}
