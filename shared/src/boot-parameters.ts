/** What the server answers a node that asks what it is to boot now: GET /boot/MAC/parameters. */
import * as v from 'valibot'
import { bootId } from './node-names.ts'

/** A path of the server's boot files, as it is put behind the server's address. */
const bootPath = v.pipe(v.string(), v.regex(/^\/boot\/[\w:.-]+\/[\w.-]+$/, 'it is no path of a boot file'))

export const bootParametersView = v.object({
  /** Without a line break: it becomes a kernel's command line. */
  kernelArguments: v.pipe(v.string(), v.regex(/^[\x20-\x7e]+$/, 'it is not plain text')),
  kernel: bootPath,
  initrd: bootPath,
  bootId,
  image: v.string(),
  model: v.string(),
})
export type BootParametersView = v.InferOutput<typeof bootParametersView>
