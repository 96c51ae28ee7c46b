import { reasonOf, WaltError } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import type { NodeDetails } from '../../../src/http/api-schema.ts'
import { createConsoleReader, lastChars } from '../console-text.ts'
import { useDashboard } from '../dashboard.ts'
import { Notice } from '../parts/notice.tsx'

/** How near to its end a console counts as being at it. */
const endPixels = 40

/** What a virtual node writes on its console, as it comes; at the end it stays at the end. */
export function NodeConsole({ node: { name, virtual } }: { node: NodeDetails }) {
  const { api } = useDashboard()
  const [text, setText] = useState('')
  const [problem, setProblem] = useState<string>()
  const [turn, setTurn] = useState(0)
  const box = useRef<HTMLElement>(null)
  const atEnd = useRef(true)

  // Its dependencies: `turn` asks for it again
  useEffect(() => {
    const controller = new AbortController()
    const { signal } = controller
    const read = createConsoleReader()
    const path = `nodes/${encodeURIComponent(name)}/console?follow=1&bytes=${limits.webConsoleStartBytes}`
    async function follow(): Promise<void> {
      setText('')
      setProblem(undefined)
      for await (const piece of api.stream({ path, signal })) {
        const shown = read(piece)
        setText((before) => lastChars(before + shown, limits.webConsoleMaxChars))
      }
      throw new WaltError('server-unreachable', 'The server ended the connection.')
    }
    follow().catch((thrown) => {
      if (!signal.aborted) setProblem(reasonOf(thrown))
    })
    return () => controller.abort()
  }, [name, turn])

  // Its dependencies: new text is what moves it
  useLayoutEffect(() => {
    const element = box.current
    if (element && atEnd.current) element.scrollTop = element.scrollHeight
  }, [text])

  function onScroll(): void {
    const element = box.current
    if (element) atEnd.current = element.scrollHeight - element.scrollTop - element.clientHeight < endPixels
  }

  if (!virtual) return <Notice kind="empty" title="Only virtual nodes have a console here." />
  return (
    <section class="card" aria-labelledby="console-title">
      <h2 id="console-title">Console</h2>
      {problem === undefined ? null : (
        <Notice kind="error" title="The console broke off.">
          <p>{problem}</p>
          <button type="button" class="button" onClick={() => setTurn(turn + 1)}>
            Follow it again
          </button>
        </Notice>
      )}
      <section
        ref={box}
        class="terminal tall"
        aria-label="Console of the node"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
        tabIndex={0}
        onScroll={onScroll}
      >
        <pre>{text || 'Nothing was written yet.'}</pre>
      </section>
    </section>
  )
}
