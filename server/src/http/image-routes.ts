import { Readable } from 'node:stream'
import { WaltError } from '@walt/shared/errors'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import * as v from 'valibot'
import type { Fleet } from '../fleet/fleet.ts'
import * as api from './api-schema.ts'
import { checked, errorAnswer } from './http-errors.ts'

export type ImageInfo = Omit<api.ImageView, 'usedBy'>

export type ImageCatalog = {
  list(): Promise<ImageInfo[]>
  remove(name: string): Promise<void>
  /** Lines of progress; throws if the build fails. */
  build(request: api.BuildImageRequest, signal: AbortSignal): AsyncIterable<string>
}

const imageParams = v.object({ name: v.string() })

export function addImageRoutes(
  app: FastifyInstance,
  parts: { fleet: Fleet; images: ImageCatalog; signalOf: (request: FastifyRequest) => AbortSignal },
): void {
  const { fleet, images, signalOf } = parts

  /** A node uses the image that it runs, and the one that it will boot. */
  const usersOf = (image: string) =>
    fleet
      .list()
      .filter(({ record, status }) => record.image === image || status.image === image)
      .map(({ record }) => record.name)

  async function viewOf(name: string): Promise<api.ImageView> {
    const info = (await images.list()).find((image) => image.name === name)
    if (!info)
      throw new WaltError('image-unknown', `No image is named "${name}". "walt image show" lists the images.`)
    return { ...info, usedBy: usersOf(name) }
  }

  app.get('/images', async (): Promise<api.ImageView[]> => {
    return (await images.list()).map((image) => ({ ...image, usedBy: usersOf(image.name) }))
  })

  app.delete('/images/:name', async (request, reply) => {
    const { name } = checked(imageParams, request.params)
    const { usedBy } = await viewOf(name)
    if (usedBy.length > 0) {
      const message = `The image ${name} is in use by ${usedBy.join(', ')}: give them another one first.`
      throw new WaltError('image-in-use', message)
    }
    await images.remove(name)
    return reply.status(204).send()
  })

  app.post('/images', async (request, reply) => {
    const wanted = checked(api.buildImageRequest, request.body)
    const users = usersOf(wanted.name)
    if (users.length > 0) {
      const message = `The image ${wanted.name} is in use by ${users.join(', ')}: build one of another name.`
      throw new WaltError('image-in-use', message)
    }
    const signal = signalOf(request)
    async function* lines(): AsyncGenerator<string> {
      const line = (progress: api.BuildProgress) => `${JSON.stringify(progress)}\n`
      try {
        for await (const progress of images.build(wanted, signal)) yield line({ progress })
        yield line({ done: await viewOf(wanted.name) })
      } catch (thrown) {
        yield line({ error: errorAnswer(thrown).body })
      }
    }
    return reply.type('application/x-ndjson').send(Readable.from(lines()))
  })
}
