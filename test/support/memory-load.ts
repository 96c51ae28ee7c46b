/**
 * Memory pressure on a node: files in the overlay and the memory of a process, together beyond RAM, all of it random bytes
 * whose checksums are known, so that one wrong byte that swap gave back is seen.
 */
import { eventually } from './eventually.ts'
import { onNode } from './node-probes.ts'
import type { Platform } from './platform.ts'

export type MemoryLoad = {
  /** The process has gone through all of its memory once more, and every file is as it was written. */
  verify(withinMs: number): Promise<void>
  /** How often the process has gone through all of its memory. */
  rounds(): Promise<number>
  swappedBytes(): Promise<number>
  end(): Promise<void>
}

const folder = '/root/memory-load'
const fileMebibytes = 50

/**
 * Goes through its blocks for ever: each must have the sum that it was made with, and every eighth is made anew, so that
 * pages leave as well as come. What perl-base has is enough.
 */
const program = String.raw`
my ($folder, $blocks, $bytes) = @ARGV;
open(my $random, '<:raw', '/dev/urandom') or die;
my (@block, @sum);
sub say_so { open(my $out, '>', "$folder/said.new") or die; print $out $_[0]; close $out; rename("$folder/said.new", "$folder/said"); }
sub make { my $i = shift; $block[$i] = '' unless defined $block[$i]; read($random, $block[$i], $bytes) == $bytes or die; $sum[$i] = unpack('%64Q*', $block[$i]); }
make($_) for 0 .. $blocks - 1;
for (my $round = 1; ; $round++) {
  for my $i (0 .. $blocks - 1) {
    if (unpack('%64Q*', $block[$i]) != $sum[$i]) { say_so("wrong: block $i in round $round\n"); exit 1; }
    make($i) if ($i + $round) % 8 == 0;
  }
  say_so("$round\n");
}
`

export async function startMemoryLoad(
  platform: Platform,
  node: string,
  load: { files: number; processMebibytes: number },
): Promise<MemoryLoad> {
  const script = Buffer.from(program).toString('base64')
  const make = [
    `mkdir -p ${folder} && cd ${folder} && echo ${script} | base64 -d > load.pl`,
    `for i in $(seq ${load.files}); do dd if=/dev/urandom of=file$i bs=1M count=${fileMebibytes} status=none; done`,
    'sha256sum file* > sums',
    `(setsid perl load.pl ${folder} ${load.processMebibytes} 1048576 > said.error 2>&1 < /dev/null &)`,
  ]
  await onNode(platform, node, make.join(' && '))

  async function rounds(): Promise<number> {
    const said = (
      await onNode(platform, node, `cat ${folder}/said 2>/dev/null || cat ${folder}/said.error`)
    ).trim()
    if (said !== '' && !/^[0-9]+$/.test(said))
      throw new Error(`the memory of the process on ${node}: ${said}`)
    return Number(said)
  }

  const started: MemoryLoad = {
    rounds,
    async verify(withinMs) {
      const before = await rounds()
      // The round under way may have begun before.
      await eventually(
        `${node}: a whole round through the memory`,
        withinMs,
        async () => (await rounds()) >= before + 2,
        1_000,
      )
      const checked = await onNode(platform, node, `cd ${folder} && sha256sum -c --quiet sums`)
      if (checked !== '') throw new Error(`files on ${node} have changed: ${checked}`)
    },
    async swappedBytes() {
      const text = await onNode(platform, node, 'cat /proc/meminfo')
      const of = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0) * 1024
      return of('SwapTotal') - of('SwapFree')
    },
    async end() {
      await onNode(platform, node, `pkill -f ${folder}/load.pl; pkill -f load.pl; rm -rf ${folder}`)
    },
  }
  await eventually(`${node}: the memory is full`, 120_000, async () => (await rounds()) >= 1, 1_000)
  return started
}
