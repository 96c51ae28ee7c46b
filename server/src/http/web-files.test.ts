import { expect, test } from 'vitest'
import { chooseEncoding, readWebFiles } from './web-files.ts'

test('takes the smallest encoding that the browser accepts', () => {
  expect(chooseEncoding('gzip, deflate, br, zstd')).toBe('br')
  expect(chooseEncoding('gzip;q=0.8, br;q=0')).toBe('gzip')
  expect(chooseEncoding('GZIP')).toBe('gzip')
  expect(chooseEncoding('identity')).toBeUndefined()
  expect(chooseEncoding(undefined)).toBeUndefined()
})

test('has no files where the dashboard was not built', async () => {
  expect((await readWebFiles('/nonexistent')).size).toBe(0)
})
