/**
 * What the NFS server exports: all images read-only to all nodes, and to each node its own /persist. Pure.
 * A file handle holds the number of its export, and nodes keep theirs while the list changes and while the NFS server is
 * started anew: an export's number must follow from what it is, not from its place in the list.
 */

export type NfsExports = {
  imagesFolder: string
  /** CIDR of the network of the nodes. */
  network: string
  nodes: readonly { address: string; persistPath: string }[]
}

/** Fixed, so that a firewall can be told, and so that a second server in the same place is noticed. */
export const nfsPorts = { nfs: 2049, mount: 20_048, portmap: 111 } as const

/** ganesha-config(8), ganesha-export-config(8), ganesha-core-config(8) of nfs-ganesha 4. */
export function ganeshaConfig(exports: NfsExports): string {
  const blocks = [
    `NFS_CORE_PARAM {
  Protocols = 3;
  NFS_Port = ${nfsPorts.nfs};
  MNT_Port = ${nfsPorts.mount};
  Enable_NLM = false;
  Enable_RQUOTA = false;
}`,
    // A restart must not make clients wait for locks that nobody has.
    'NFSV4 { RecoveryBackend = fs; Graceless = true; }',
    'LOG { Default_Log_Level = EVENT; }',
    ganeshaExport({ id: 1, path: exports.imagesFolder, clients: exports.network, access: 'RO' }),
    ...exports.nodes.map(({ address, persistPath }) =>
      ganeshaExport({ id: exportIdOf(address), path: persistPath, clients: address, access: 'RW' }),
    ),
  ]
  return `${blocks.join('\n')}\n`
}

function ganeshaExport(one: { id: number; path: string; clients: string; access: 'RO' | 'RW' }): string {
  return `EXPORT {
  Export_Id = ${one.id};
  Path = ${one.path};
  Pseudo = ${one.path};
  Protocols = 3;
  Transports = TCP;
  SecType = sys;
  Squash = No_Root_Squash;
  Access_Type = NONE;
  CLIENT { Clients = ${one.clients}; Access_Type = ${one.access}; Protocols = 3; }
  FSAL { Name = VFS; }
}`
}

/** From 2 to 65535; addresses of one network differ in their last 16 bits, and 0 and 1 are no node's. */
function exportIdOf(address: string): number {
  const [, , high = 0, low = 0] = address.split('.').map(Number)
  return high * 256 + low
}

export type KernelExport = { client: string; path: string; options: string }

/** For exportfs(8). */
export function kernelExports(exports: NfsExports): KernelExport[] {
  const common = 'no_root_squash,no_subtree_check,insecure'
  return [
    { client: exports.network, path: exports.imagesFolder, options: `ro,${common}` },
    ...exports.nodes.map(({ address, persistPath }) => ({
      client: address,
      path: persistPath,
      options: `rw,${common}`,
    })),
  ]
}

/** `192.168.152.0/24` of an address in it. */
export function networkOf(address: string, prefix: number): string {
  const value = address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0)
  const base = value - (value % 2 ** (32 - prefix))
  return `${[24, 16, 8, 0].map((shift) => Math.floor(base / 2 ** shift) % 256).join('.')}/${prefix}`
}
