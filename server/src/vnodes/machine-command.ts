/** What a virtual machine is to be, and the command that is it. */
export type MachineBoot = {
  bootId: string
  kernelArguments: string
  /** Paths on this machine; User Mode Linux brings its own kernel. */
  kernel: string
  initrd: string
  mac: string
  ramBytes: number
  /** Files, in order. */
  disks: string[]
  cores: number
  engine: 'qemu-kvm' | 'qemu' | 'uml'
}

export type MachineCommand = {
  command: string
  args: string[]
  environment: Record<string, string>
}
