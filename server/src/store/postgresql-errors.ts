/** What is wrong with a database, in words for whoever set it up. */
import { reasonOf, WaltError } from '@walt/shared/errors'
import { DatabaseError } from 'pg'

/**
 * Whether the connection is to blame, and another one may do: errors of the system, what pg says itself (it has no
 * codes), and answers that the connection ends, or cannot begin yet (PostgreSQL, appendix A: classes 08 and 57P).
 */
export function isConnectionLost(thrown: unknown): boolean {
  if (thrown instanceof WaltError) return thrown.code === 'store-unreachable'
  const code = codeOf(thrown)
  if (thrown instanceof DatabaseError) return /^(?:08|57P0)/.test(code)
  if (thrown instanceof AggregateError) return thrown.errors.every(isConnectionLost)
  return /^E[A-Z]+$/.test(code) || /\b(?:connection|timeout|not queryable)\b/i.test(reasonOf(thrown))
}

const codeOf = (thrown: unknown) => (thrown instanceof Error && 'code' in thrown ? String(thrown.code) : '')

/** Whether the database said itself that it ends the connection, and so has not done what was asked. */
export function isEndedByDatabase(thrown: unknown): boolean {
  return thrown instanceof DatabaseError && /^57P0/.test(codeOf(thrown))
}

/** `place` is what the database is called, without its password. */
export function explainPostgresqlError(thrown: unknown, place: string): WaltError {
  if (thrown instanceof WaltError) return thrown
  const reason = wholeReasonOf(thrown)
  const { code, problem, advice } = diagnosis(thrown, reason)
  return new WaltError(code, `The ${place} ${problem}: ${reason}. ${advice}`, { cause: thrown })
}

function diagnosis(thrown: unknown, reason: string): { code: string; problem: string; advice: string } {
  const state = thrown instanceof DatabaseError ? codeOf(thrown) : ''
  if (state === '3D000') {
    const advice = 'Create it, owned by the user that walt-server logs in as: createdb --owner=USER NAME.'
    return { code: 'store-missing', problem: 'does not exist', advice }
  }
  // Without a password pg complains of its type.
  if (state.startsWith('28') || reason.includes('password must be')) {
    const advice =
      "Check user and password in the server's store.postgresql (or PGPASSWORD), and the database's pg_hba.conf."
    return { code: 'store-refused', problem: 'refuses walt-server', advice }
  }
  if (state === '42501') {
    const advice = 'Make the user its owner: ALTER DATABASE name OWNER TO user.'
    return { code: 'store-refused', problem: 'allows walt-server too little', advice }
  }
  if (state === '53300') {
    const advice = 'Raise max_connections of the database, or end what else is connected.'
    return { code: 'store-unreachable', problem: 'has no connection left', advice }
  }
  if (/CERT|TLS|SSL/.test(codeOf(thrown)) || /\bSSL\b/.test(reason)) {
    const advice = 'Check sslmode and sslrootcert in store.postgresql against what the database has.'
    return { code: 'store-refused', problem: 'cannot be trusted', advice }
  }
  if (isConnectionLost(thrown)) {
    const advice =
      'Is PostgreSQL running there, listening on that address (listen_addresses), and not behind a firewall?'
    return { code: 'store-unreachable', problem: 'cannot be reached', advice }
  }
  const advice = 'It may be of a newer version of walt-server, or damaged.'
  return { code: 'store-unusable', problem: 'cannot be used', advice }
}

/** A name with several addresses fails with an error for each, and no message of its own. */
export function wholeReasonOf(thrown: unknown): string {
  return thrown instanceof AggregateError ? thrown.errors.map(reasonOf).join('; ') : reasonOf(thrown)
}
