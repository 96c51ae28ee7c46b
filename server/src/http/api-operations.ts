/** Every operation of the API, for its document. A test compares the list with the routes that there are. */
import type * as v from 'valibot'
import * as api from './api-schema.ts'

export type ApiOperation = {
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  /** Below `/api/v1`, as routes are declared. */
  path: string
  summary: string
  query?: v.ObjectSchema<v.ObjectEntries, undefined>
  body?: v.GenericSchema
  /** JSON; or what is not JSON, by its content type. Without one the answer is 204. */
  answer?: v.GenericSchema | string
  /** 200, or 204 without an answer, unless given. */
  status?: number
}

export const apiOperations: readonly ApiOperation[] = [
  { method: 'GET', path: '/status', summary: 'How the server and its parts do', answer: api.serverStatus },
  {
    ...{ method: 'GET', path: '/dashboard', summary: 'A link to the dashboard that logs in' },
    answer: api.dashboardLink,
  },
  {
    ...{ method: 'GET', path: '/nodes', summary: 'The nodes, or those of a set, whole or page by page' },
    ...{ query: api.nodesQuery, answer: api.nodeListEntries },
  },
  {
    ...{ method: 'POST', path: '/nodes', summary: 'Create a virtual node, or register a physical one' },
    ...{ body: api.createNodeRequest, answer: api.nodeView, status: 201 },
  },
  {
    ...{ method: 'PATCH', path: '/nodes', summary: 'Change settings of nodes' },
    ...{ body: api.configureNodesRequest, answer: api.nodeViews },
  },
  { method: 'GET', path: '/nodes/:name', summary: 'All about a node', answer: api.nodeDetails },
  { method: 'DELETE', path: '/nodes/:name', summary: 'Remove a node' },
  {
    ...{ method: 'POST', path: '/nodes/reboot', summary: 'Reboot nodes; each result says how it went' },
    ...{ body: api.rebootNodesRequest, answer: api.rebootAnswer },
  },
  {
    ...{ method: 'POST', path: '/nodes/boot', summary: 'Give nodes another image, and reboot them' },
    ...{ body: api.bootNodesRequest, answer: api.rebootAnswer },
  },
  {
    ...{ method: 'POST', path: '/nodes/wait', summary: 'Wait until nodes are booted, or lost' },
    ...{ body: api.waitNodesRequest, answer: api.waitAnswer },
  },
  {
    ...{ method: 'POST', path: '/nodes/command', summary: 'Give nodes a command by their control port' },
    ...{ body: api.commandNodesRequest, answer: api.commandAnswer },
  },
  {
    ...{ method: 'GET', path: '/nodes/:name/console', summary: 'The console of a virtual node, as it comes' },
    ...{ query: api.consoleQuery, answer: 'text/plain' },
  },
  {
    ...{ method: 'GET', path: '/nodes/:name/changes', summary: 'What a reboot of a node would throw away' },
    answer: api.nodeChanges,
  },
  {
    ...{ method: 'GET', path: '/nodes/:name/history', summary: 'Telemetry of a node over time, in columns' },
    ...{ query: api.nodeHistoryQuery, answer: api.nodeHistory },
  },
  {
    ...{ method: 'GET', path: '/nodes/:name/boots', summary: 'The last boots of a node, with their steps' },
    answer: api.nodeBoots,
  },
  {
    ...{ method: 'GET', path: '/nodes/:name/logs', summary: 'What a node’s agent said last' },
    answer: api.nodeLogs,
  },
  { method: 'GET', path: '/devices', summary: 'The switches', answer: api.deviceViews },
  {
    ...{ method: 'POST', path: '/devices', summary: 'Add a switch' },
    ...{ body: api.createDeviceRequest, answer: api.deviceView, status: 201 },
  },
  {
    ...{ method: 'PATCH', path: '/devices/:name', summary: 'Change settings of a switch' },
    ...{ body: api.configureDeviceRequest, answer: api.deviceView },
  },
  { method: 'DELETE', path: '/devices/:name', summary: 'Remove a switch' },
  { method: 'GET', path: '/images', summary: 'The images, and which nodes use them', answer: api.imageViews },
  {
    ...{ method: 'POST', path: '/images', summary: 'Build an image; a line for each step as it comes' },
    ...{ body: api.buildImageRequest, answer: 'application/x-ndjson' },
  },
  { method: 'DELETE', path: '/images/:name', summary: 'Remove an image' },
  {
    ...{ method: 'GET', path: '/logs', summary: 'Lines of the log, oldest first, page by page' },
    ...{ query: api.logsQuery, answer: api.logPage },
  },
  { method: 'POST', path: '/logs', summary: 'Add a line to the log', body: api.writeLogRequest },
  {
    ...{ method: 'GET', path: '/logs/checkpoints', summary: 'Moments in the log that have a name' },
    answer: api.logCheckpoints,
  },
  {
    ...{ method: 'POST', path: '/logs/checkpoints', summary: 'Give a moment in the log a name' },
    ...{ body: api.addCheckpointRequest, answer: api.logCheckpoint, status: 201 },
  },
  { method: 'DELETE', path: '/logs/checkpoints/:name', summary: 'Remove a checkpoint' },
  { method: 'GET', path: '/alerts', summary: 'Alerts that are on, and that were', answer: api.alertViews },
  {
    ...{ method: 'GET', path: '/events', summary: 'What happens, as it happens' },
    ...{ query: api.eventsQuery, answer: 'text/event-stream' },
  },
  { method: 'GET', path: '/openapi.json', summary: 'This document', answer: 'application/json' },
]
