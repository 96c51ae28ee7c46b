import path from 'node:path'

/** The project's own folder, and what it keeps between runs (ignored by git, made anew when missing). */
export const repositoryFolder = path.resolve(import.meta.dirname, '../..')
export const cacheFolder = path.join(repositoryFolder, '.cache')
