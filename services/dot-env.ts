// Reads `.env` of the working directory, for the service process and the command line. A host app reads its own.

/** Variables that are already set take precedence. @throws Error if the file cannot be read */
export function readDotEnv (): void {
  try {
    process.loadEnvFile()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}
