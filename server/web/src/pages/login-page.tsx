import { reasonOf, WaltError } from '@walt/shared/errors'
import { useState } from 'preact/hooks'
import * as v from 'valibot'
import { createApi } from '../api.ts'
import { useDashboard } from '../dashboard.ts'
import { useStore } from '../store.ts'

export function LoginPage() {
  const { session } = useDashboard()
  const { refused } = useStore(session)
  const [token, setToken] = useState('')
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState(refused ? 'The token is no longer taken. Log in again.' : undefined)

  async function logIn(event: Event): Promise<void> {
    event.preventDefault()
    setBusy(true)
    const given = token.trim()
    const api = createApi({
      fetch: (url, init) => fetch(url, init),
      token: () => given,
      onUnauthorized: () => undefined,
    })
    try {
      await api.call({ path: 'status' }, v.unknown())
      session.set({ token: given, refused: false })
    } catch (thrown) {
      const wrong = thrown instanceof WaltError && thrown.code === 'unauthorized'
      setProblem(wrong ? 'This is not the token of the server.' : reasonOf(thrown))
      setBusy(false)
    }
  }

  return (
    <main class="login">
      <form onSubmit={logIn}>
        <svg
          class="login-mark"
          viewBox="0 0 32 32"
          width="44"
          height="44"
          aria-hidden="true"
          focusable="false"
        >
          <rect width="32" height="32" rx="7" />
          <path d="M6 10l4.5 13L16 12l5.5 11L26 10" />
        </svg>
        <h1>WalT</h1>
        <label for="token">Token of the server</label>
        <input
          id="token"
          type="password"
          autocomplete="current-password"
          spellcheck={false}
          value={token}
          aria-describedby="token-help token-problem"
          aria-invalid={problem !== undefined}
          onInput={(event) => setToken(event.currentTarget.value)}
        />
        <p id="token-problem" class="problem" role="alert">
          {problem}
        </p>
        <button type="submit" class="button primary" disabled={busy || token.trim() === ''}>
          {busy ? 'Looking …' : 'Log in'}
        </button>
        <p id="token-help" class="muted">
          On the server, <code>walt dashboard</code> prints a link that logs in; the token itself is in{' '}
          <code>run/api.token</code> of its state folder. It is kept in this tab only.
        </p>
      </form>
    </main>
  )
}
