// `.env` of the working directory, for the process of the service and for the command line; a host reads its own.

/** What stands in the environment already counts. */
export function readDotEnv (): void {
  try {
    process.loadEnvFile()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}
