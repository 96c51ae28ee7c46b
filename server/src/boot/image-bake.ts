/**
 * Makes a Debian folder an image of ours: agent, hooks, settings, key. Files are replaced, never written in place: an
 * image may share its files with others by hard links.
 */
import {
  access,
  chmod,
  copyFile,
  cp,
  mkdir,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { WaltError } from '@walt/shared/errors'

export type BakeParts = {
  /** The agent's binary; `<binary>.ranges` beside it lists what a start touches. */
  agent: string
  /** The folder image-hooks. */
  hooks: string
  /** Public halves of the keys that open the nodes. */
  authorizedKeys: string
  models: readonly string[]
}

export async function bakeImage(root: string, parts: BakeParts): Promise<void> {
  await checkRoot(root)
  const at = (path: string) => join(root, path)

  await cp(join(parts.hooks, 'files'), root, {
    recursive: true,
    force: true,
    // Modes and contents are the hooks'; a file that is there may be another image's too.
    filter: async (source, target) => {
      if (!(await stat(source)).isDirectory()) await rm(target, { force: true })
      return true
    },
  })
  await replaceByCopy(parts.agent, at('usr/lib/walt/walt-agent'), 0o755)
  await replaceByCopy(`${parts.agent}.ranges`, at('usr/lib/walt/walt-agent.ranges'), 0o644).catch((error) => {
    if (error.code !== 'ENOENT') throw error
  })
  await link(
    '/etc/systemd/system/walt-agent.service',
    at('etc/systemd/system/multi-user.target.wants/walt-agent.service'),
  )
  for (const unit of await maskedUnits(parts.hooks)) await link('/dev/null', at(`etc/systemd/system/${unit}`))
  await link('/lib/systemd/system/multi-user.target', at('etc/systemd/system/default.target'))

  // The node's name comes from its kernel command line; its machine id is its own.
  await rm(at('etc/hostname'), { force: true })
  await replace(at('etc/machine-id'), '', 0o444)
  await replace(at('etc/fstab'), '', 0o644)
  await mkdir(at('persist'), { recursive: true })
  await mkdir(at('root/.ssh'), { recursive: true, mode: 0o700 })
  await replace(at('root/.ssh/authorized_keys'), parts.authorizedKeys, 0o600)
  // `*` lets nobody in by password; what mmdebstrap leaves is taken for a locked account by ssh.
  const shadow = await readFile(at('etc/shadow'), 'utf8')
  await replace(at('etc/shadow'), shadow.replace(/^root:[^:]*:/m, 'root:*:'), 0o640)

  for (const model of parts.models) {
    await mkdir(at(`boot/${model}`), { recursive: true })
    // Debian keeps /vmlinuz and /initrd.img on the newest kernel.
    await link('../../vmlinuz', at(`boot/${model}/kernel`))
    await link('../../initrd.img', at(`boot/${model}/initrd`))
  }
  // Newer than /usr: nothing has to be brought up to date at each boot (systemd.unit(5), ConditionNeedsUpdate=).
  for (const stamp of ['etc/.updated', 'var/.updated']) {
    await rm(at(stamp), { force: true })
    await writeFile(at(stamp), '')
  }
}

/** Files that the initramfs is made of; they must be there before a kernel is installed. */
export function initramfsFiles(folders: {
  initramfs: string
  hooks: string
}): { source: string; target: string }[] {
  const link = 'etc/systemd/network/99-default.link'
  return [
    { source: join(folders.initramfs, 'modules'), target: 'usr/share/initramfs-tools/modules.d/walt' },
    { source: join(folders.initramfs, 'initramfs-tools.conf'), target: 'etc/initramfs-tools/conf.d/walt' },
    { source: join(folders.hooks, 'files', link), target: link },
  ]
}

async function checkRoot(root: string): Promise<void> {
  for (const path of ['etc/shadow', 'usr/bin/busybox']) {
    await access(join(root, path)).catch((cause) => {
      const message = `${root} cannot become an image: it has no /${path}. A Debian system with busybox is needed.`
      throw new WaltError('image-invalid', message, { cause })
    })
  }
}

export async function maskedUnits(hooks: string): Promise<string[]> {
  const text = await readFile(join(hooks, 'masked-units'), 'utf8')
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
}

async function replace(path: string, content: string, mode: number): Promise<void> {
  await rm(path, { force: true })
  await writeFile(path, content, { mode })
  await chmod(path, mode)
}

async function replaceByCopy(source: string, path: string, mode: number): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await access(source)
  await rm(path, { force: true })
  await copyFile(source, path)
  await chmod(path, mode)
}

async function link(target: string, path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await rm(path, { force: true })
  await symlink(target, path)
}

/** All files below a folder, sorted. */
export async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
}
