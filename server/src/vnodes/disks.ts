/**
 * Disks of a virtual node: sparse files, made when a machine is started with new ones. A disk is kept as long as its
 * size and its template stay, whatever was written to it; one that is to be another is made anew, empty.
 */
import { mkdir, mkdtemp, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { NodeDisk } from '@walt/shared/node-disks'
import { runCommand } from '../run-command.ts'

const sectorBytes = 512
/** Where the one partition begins, as partitioning programs have it. */
const partitionOffset = 1024 ** 2
const linuxPartition = 0x83

/** Pure: a master boot record with one partition up to the end of the disk. */
export function partitionTable(diskBytes: number): Buffer {
  const record = Buffer.alloc(sectorBytes)
  const entry = record.subarray(446)
  // Too far for cylinders, heads and sectors: the numbers of sectors count.
  entry.set([0, 0xfe, 0xff, 0xff, linuxPartition, 0xfe, 0xff, 0xff])
  entry.writeUInt32LE(partitionOffset / sectorBytes, 8)
  entry.writeUInt32LE((diskBytes - partitionOffset) / sectorBytes, 12)
  record.set([0x55, 0xaa], 510)
  return record
}

/** Paths of the files, in the order of the disks. */
export async function prepareDisks(folder: string, disks: readonly NodeDisk[]): Promise<string[]> {
  const paths: string[] = []
  for (const [index, disk] of disks.entries()) {
    const path = join(folder, `disk_${index}.img`)
    await mkdir(folder, { recursive: true })
    if (!(await isAsWanted(path, disk))) await makeDisk(path, disk)
    paths.push(path)
  }
  return paths
}

const infoOf = (path: string) => path.replace(/\.img$/, '.json')

async function isAsWanted(path: string, disk: NodeDisk): Promise<boolean> {
  try {
    const info = await readFile(infoOf(path), 'utf8')
    return info === JSON.stringify(disk) && (await stat(path)).size === disk.sizeBytes
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw thrown
  }
}

async function makeDisk(path: string, disk: NodeDisk): Promise<void> {
  const made = `${path}.new`
  await rm(infoOf(path), { force: true })
  const file = await open(made, 'w', 0o600)
  try {
    await file.truncate(disk.sizeBytes)
    if (disk.template !== 'none') await file.write(partitionTable(disk.sizeBytes), 0, sectorBytes, 0)
  } finally {
    await file.close()
  }
  if (disk.template !== 'none') await format(made, disk)
  await rename(made, path)
  await writeFile(infoOf(path), JSON.stringify(disk))
}

/** The file system is made with what is in it, so that nothing has to be mounted on this machine. */
async function format(path: string, disk: NodeDisk): Promise<void> {
  const content = await mkdtemp(join(tmpdir(), 'walt-disk-'))
  try {
    if (disk.template !== 'ext4') await mkdir(join(content, 'walt_hybrid'))
    if (disk.template === 'hybrid-boot-p') await writeFile(join(content, 'walt_hybrid/.persistent'), '')
    const kilobytes = Math.floor((disk.sizeBytes - partitionOffset) / 1024)
    const words = ['-q', '-F', '-E', `offset=${partitionOffset},root_owner=0:0`, '-d', content]
    await runCommand('/sbin/mkfs.ext4', [...words, path, `${kilobytes}k`])
  } finally {
    await rm(content, { recursive: true, force: true })
  }
}
