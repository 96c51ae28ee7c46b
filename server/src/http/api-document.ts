/** The API's description for programs, made of its schemas (OpenAPI 3.1). Pure. */
import { type ApiOperation, apiOperations } from './api-operations.ts'
import * as api from './api-schema.ts'
import { type JsonSchema, jsonSchemaOf } from './json-schema.ts'

/** Bodies that appear in several places. */
const components = {
  Problem: api.problem,
  Node: api.nodeView,
  NodeDetails: api.nodeDetails,
  Image: api.imageView,
  Device: api.deviceView,
  LogLine: api.logLine,
  Alert: api.alertView,
  FleetEvent: api.fleetEvent,
  BuildProgress: api.buildProgress,
}

export function apiDocument(version: string): JsonSchema {
  const names = new Map<unknown, string>(Object.entries(components).map(([name, schema]) => [schema, name]))
  const paths: Record<string, JsonSchema> = {}
  for (const operation of apiOperations) {
    const path = operation.path.replace(/:(\w+)/g, '{$1}')
    paths[path] = { ...paths[path], [operation.method.toLowerCase()]: described(operation, names) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'walt-server',
      version,
      description:
        'Times are milliseconds since the epoch, sizes bytes. Over TCP a bearer token is needed (run/api.token in the state folder); over the Unix socket none.',
    },
    servers: [{ url: '/api/v1' }],
    security: [{ token: [] }],
    paths,
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
      schemas: Object.fromEntries(
        Object.entries(components).map(([name, schema]) => [name, jsonSchemaOf(schema, names)]),
      ),
      responses: {
        Problem: {
          description: 'It was refused, or failed (RFC 9457)',
          content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
        },
      },
    },
  }
}

function described(operation: ApiOperation, names: ReadonlyMap<unknown, string>): JsonSchema {
  const { method, path, summary, query, body, answer } = operation
  const status = operation.status ?? (answer === undefined ? 204 : 200)
  const inPath = [...path.matchAll(/:(\w+)/g)].map(([, name]) => {
    return { name, in: 'path', required: true, schema: { type: 'string' } }
  })
  const inQuery = Object.entries(query?.entries ?? {}).map(([name, schema]) => {
    const required = schema.type !== 'optional'
    return { name, in: 'query', required, schema: jsonSchemaOf(schema as typeof api.problem, names) }
  })
  const json = (schema: JsonSchema) => ({ 'application/json': { schema } })
  return {
    operationId: operationId(method, path),
    summary,
    ...(inPath.length + inQuery.length > 0 ? { parameters: [...inPath, ...inQuery] } : {}),
    ...(body ? { requestBody: { required: true, content: json(jsonSchemaOf(body, names)) } } : {}),
    responses: {
      [status]: {
        description: summary,
        ...(typeof answer === 'string' ? { content: { [answer]: {} } } : {}),
        ...(typeof answer === 'object' ? { content: json(referred(answer, names)) } : {}),
      },
      default: { $ref: '#/components/responses/Problem' },
    },
  }
}

function referred(schema: typeof api.problem | object, names: ReadonlyMap<unknown, string>): JsonSchema {
  const name = names.get(schema)
  return name === undefined
    ? jsonSchemaOf(schema as typeof api.problem, names)
    : { $ref: `#/components/schemas/${name}` }
}

/** `getNodesNameHistory`. */
function operationId(method: string, path: string): string {
  const words = path.split(/[^a-z]+/i).filter((word) => word !== '')
  return method.toLowerCase() + words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('')
}
