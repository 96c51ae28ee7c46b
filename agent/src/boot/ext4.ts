/** The little of an ext4 superblock that is looked at before the disk is touched (kernel: filesystems/ext4/super.rst). */
import { open } from 'node:fs/promises'

const superblockOffset = 1024
const magicAt = 0x38
const ext4Magic = 0xef53
const stateAt = 0x3a
const errorsDetected = 2
export const superblockBytes = 0x40

export type Ext4 = {
  /** The kernel saw errors on it: it wants e2fsck. */
  errors: boolean
}

/** Pure: the superblock's beginning, or undefined where there is no such file system. */
export function readExt4Superblock(bytes: Buffer): Ext4 | undefined {
  if (bytes.length < superblockBytes || bytes.readUInt16LE(magicAt) !== ext4Magic) return undefined
  return { errors: (bytes.readUInt16LE(stateAt) & errorsDetected) !== 0 }
}

export async function probeExt4(device: string): Promise<Ext4 | undefined> {
  const file = await open(device, 'r')
  try {
    const { buffer, bytesRead } = await file.read(
      Buffer.alloc(superblockBytes),
      0,
      superblockBytes,
      superblockOffset,
    )
    return readExt4Superblock(buffer.subarray(0, bytesRead))
  } finally {
    await file.close()
  }
}
