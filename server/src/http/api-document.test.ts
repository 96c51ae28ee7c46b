import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as v from 'valibot'
import { expect, it } from 'vitest'
import { apiDocument } from './api-document.ts'
import { apiOperations } from './api-operations.ts'
import { jsonSchemaOf } from './json-schema.ts'

/** Routes that are not below /api/v1. */
const elsewhere = /^\/(?:$|boot\/|metrics$|healthz$|readyz$|assets\/)/

it('every route of the API is in its document, and nothing else', () => {
  const routes = readdirSync(import.meta.dirname)
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
    .flatMap((name) => {
      const text = readFileSync(join(import.meta.dirname, name), 'utf8')
      return [...text.matchAll(/\bapp\.(get|post|put|patch|delete)\(\s*'([^']+)'/g)]
    })
    .map(([, method, path]) => `${method?.toUpperCase()} ${path}`)
    .filter((route) => !elsewhere.test(route.split(' ')[1] ?? ''))
  expect(apiOperations.map(({ method, path }) => `${method} ${path}`).toSorted()).toEqual(routes.toSorted())
})

it('every operation has a name of its own', () => {
  const text = JSON.stringify(apiDocument('1'))
  const ids = [...text.matchAll(/"operationId":"([^"]+)"/g)].map(([, id]) => id)
  expect(new Set(ids).size).toBe(apiOperations.length)
  expect(ids).toContain('getNodesNameHistory')
})

it('schemas keep their bounds', () => {
  const name = v.pipe(v.string(), v.minLength(1), v.maxLength(9), v.regex(/^[a-z]+$/))
  const count = v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(5)))
  const schema = v.strictObject({
    name,
    count,
    kind: v.picklist(['a', 'b']),
    more: v.record(v.string(), name),
  })
  const shown = { type: 'string', minLength: 1, maxLength: 9, pattern: '^[a-z]+$' }
  expect(jsonSchemaOf(schema)).toEqual({
    type: 'object',
    properties: {
      name: shown,
      count: { type: 'integer', minimum: 0, maximum: 5 },
      kind: { enum: ['a', 'b'] },
      more: { type: 'object', propertyNames: { type: 'string' }, additionalProperties: shown },
    },
    required: ['name', 'kind', 'more'],
    additionalProperties: false,
  })
  expect(jsonSchemaOf(v.tuple([v.nullable(v.string()), v.literal(1)]))).toMatchObject({
    prefixItems: [{ anyOf: [{ type: 'string' }, { type: 'null' }] }, { const: 1 }],
  })
  expect(() => jsonSchemaOf(v.date())).toThrow(/date/)
})
