import { WaltError } from '@walt/shared/errors'
import { DatabaseError } from 'pg'
import { describe, expect, test } from 'vitest'
import { explainPostgresqlError, isConnectionLost } from './postgresql-errors.ts'

function answer(code: string, message = 'no'): DatabaseError {
  const error = new DatabaseError(message, 0, 'error')
  error.code = code
  return error
}
const system = (code: string) => Object.assign(new Error(`connect ${code}`), { code })
const place = 'PostgreSQL database "walt" at db.example:5432 (user walt)'
const explained = (thrown: unknown) => explainPostgresqlError(thrown, place)

describe('a failure of PostgreSQL', () => {
  test.each([
    [answer('3D000'), 'store-missing', 'createdb'],
    [answer('28P01'), 'store-refused', 'PGPASSWORD'],
    [answer('28000'), 'store-refused', 'pg_hba.conf'],
    [new Error('SASL: client password must be a string'), 'store-refused', 'PGPASSWORD'],
    [answer('42501'), 'store-refused', 'owner'],
    [answer('53300'), 'store-unreachable', 'max_connections'],
    [answer('57P03', 'the database system is starting up'), 'store-unreachable', 'running'],
    [system('ENOTFOUND'), 'store-unreachable', 'running'],
    [system('SELF_SIGNED_CERT_IN_CHAIN'), 'store-refused', 'sslrootcert'],
    [new Error('corrupted migrations'), 'store-unusable', 'newer version'],
  ])('%s is %s, with what to do: %s', (thrown, code, advice) => {
    const error = explained(thrown)
    expect(error.code).toBe(code)
    for (const part of [place, thrown.message, advice]) expect(error.message).toContain(part)
  })

  test('of each address of a name is told', () => {
    const error = explained(new AggregateError([system('ECONNREFUSED'), system('ENETUNREACH')], ''))
    expect(error.message).toContain('cannot be reached: connect ECONNREFUSED; connect ENETUNREACH.')
  })

  test('that is explained already is left as it is', () => {
    const error = new WaltError('store-in-use', 'm')
    expect(explained(error)).toBe(error)
  })
})

test('a lost connection is told from an answer, and from a mistake of ours', () => {
  const lost = [answer('57P01'), answer('08006'), system('ECONNRESET'), new Error('Connection terminated')]
  expect(lost.map(isConnectionLost)).toEqual(lost.map(() => true))
  const other = [
    answer('23505'),
    answer('53300'),
    new TypeError('x is not a function'),
    new WaltError('a', 'b'),
  ]
  expect(other.map(isConnectionLost)).toEqual(other.map(() => false))
})
