/** Lines of a stream of UTF-8 text, each as soon as it is whole. */
import { WaltError } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'

/** @throws WaltError `server-answer-unexpected` for a line without end */
export async function* textLines(chunks: AsyncIterable<Uint8Array>): AsyncIterable<string> {
  const decoder = new TextDecoder()
  let pending = ''
  for await (const chunk of chunks) {
    const lines = (pending + decoder.decode(chunk, { stream: true })).split('\n')
    pending = lines.pop() ?? ''
    yield* lines.filter((line) => line.trim() !== '')
    if (pending.length > limits.cliLineMaxChars) {
      throw new WaltError('server-answer-unexpected', "A line of the server's answer does not end.")
    }
  }
  const rest = pending + decoder.decode()
  if (rest.trim() !== '') yield rest
}
