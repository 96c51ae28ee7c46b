/**
 * What a node needs in order to boot by itself. It has no password yet, so its own address is what proves it. Asking
 * begins a boot: for the boot script, from its firmware; for parameters, by kexec from the system that runs. The files
 * belong to the boot that was begun last. A node that copies its image to a disk says so while it does, lest it be taken
 * for one that does not come back.
 */
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import type { BootParametersView } from '@walt/shared/boot-parameters'
import { reasonOf, WaltError } from '@walt/shared/errors'
import { bootId, macAddress } from '@walt/shared/node-names'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import * as v from 'valibot'
import { ipxeScript } from '../boot/boot-parameters.ts'
import type { NodeBoots } from '../boot/node-boots.ts'
import type { Fleet } from '../fleet/fleet.ts'
import type { NodeRecord } from '../fleet/node-record.ts'
import { kexecCause } from '../fleet/node-status.ts'
import { checked } from './http-errors.ts'

const bootParams = v.object({ mac: macAddress })
const bootQuery = v.object({ boot: bootId })

export function addBootRoutes(
  app: FastifyInstance,
  parts: {
    fleet: Fleet
    boots: NodeBoots
    /** Absolute path of a boot file of the node's image. */
    bootFile: (node: NodeRecord, file: 'kernel' | 'initrd') => string
    /** `http://ADDRESS:PORT` as nodes reach it. */
    origin: string
  },
): void {
  const { fleet, boots, bootFile, origin } = parts

  function nodeOf(request: FastifyRequest): NodeRecord {
    const { mac } = checked(bootParams, request.params)
    const record = fleet.findByMac(mac)?.record
    if (!record) {
      throw new WaltError(
        'node-unknown',
        `No node has the MAC address ${mac}. "walt node create NAME --mac ${mac}".`,
      )
    }
    const { remoteAddress } = request.socket
    if (remoteAddress !== record.address) {
      throw new WaltError(
        'forbidden',
        `Only ${record.name} at ${record.address} may ask for its boot; this is ${remoteAddress ?? 'somebody else'}.`,
      )
    }
    return record
  }

  async function sendFile(reply: FastifyReply, node: NodeRecord, file: 'kernel' | 'initrd') {
    const path = bootFile(node, file)
    const found = await stat(path).catch((cause) => {
      const message = `The image ${node.image} has no ${file} for ${node.model}: ${reasonOf(cause)}`
      throw new WaltError('image-invalid', message, { cause })
    })
    return reply
      .type('application/octet-stream')
      .header('content-length', found.size)
      .send(createReadStream(path))
  }

  app.get('/boot/:mac/parameters', async (request): Promise<BootParametersView> => {
    const { name, mac, model } = nodeOf(request)
    const { ticket, parameters } = await boots.begin(name, kexecCause)
    return {
      kernelArguments: parameters.kernelArguments,
      kernel: `/boot/${mac}/kernel`,
      initrd: `/boot/${mac}/initrd`,
      bootId: ticket.bootId,
      image: ticket.image,
      model,
    }
  })

  app.get('/boot/:mac/boot.ipxe', async (request, reply) => {
    const { name, mac } = nodeOf(request)
    const { parameters } = await boots.begin(name)
    return reply.type('text/plain').send(ipxeScript(origin, mac, parameters.kernelArguments))
  })

  app.post('/boot/:mac/copying', async (request, reply) => {
    const { name } = nodeOf(request)
    fleet.record(name, { type: 'copying', bootId: checked(bootQuery, request.query).boot })
    return reply.code(204).send()
  })

  app.get('/boot/:mac/kernel', async (request, reply) => sendFile(reply, nodeOf(request), 'kernel'))
  app.get('/boot/:mac/initrd', async (request, reply) => sendFile(reply, nodeOf(request), 'initrd'))
}
